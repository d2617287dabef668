// SPDX-License-Identifier: GPL-2.0-only
/* A log in a file. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>

#include "transport.h"

/**
 * struct file_end - a file
 * @end: its public part
 * @file: held
 */
struct file_end {
	struct kvm_ft_end end;
	struct file *file;
};

static struct file *file_of(struct kvm_ft_end *end)
{
	return container_of(end, struct file_end, end)->file;
}

static int file_open(struct kvm_ft_end *end, bool write)
{
	return file_of(end)->f_mode & (write ? FMODE_WRITE : FMODE_READ) ? 0 : -EBADF;
}

static int file_store(struct kvm_ft_end *end, u64 offset, const u8 *buf, size_t len, bool wait)
{
	loff_t pos = offset;
	size_t done = 0;

	while (done < len) {
		ssize_t n = kernel_write(file_of(end), buf + done, len - done, &pos);

		if (n <= 0)
			return n ?: -EIO;
		done += n;
	}
	return 0;
}

static ssize_t file_load(struct kvm_ft_end *end, u64 offset, u8 *buf, size_t size, bool wait)
{
	loff_t pos = offset;
	size_t done = 0;

	while (done < size) {
		ssize_t n = kernel_read(file_of(end), buf + done, size - done, &pos);

		if (n < 0)
			return n;
		if (!n)
			break;
		done += n;
	}
	return done;
}

static ssize_t file_tail(struct kvm_ft_end *end, u8 *buf, size_t size)
{
	loff_t length = i_size_read(file_inode(file_of(end)));

	return file_load(end, max_t(loff_t, length, size) - size, buf, size, true);
}

static int file_sync(struct kvm_ft_end *end)
{
	return vfs_fsync(file_of(end), 0);
}

static void file_release(struct kvm_ft_end *end)
{
	fput(file_of(end));
	kfree(container_of(end, struct file_end, end));
}

static const struct kvm_ft_transport_ops file_ops = {
	.name = "file",
	.open = file_open,
	.store = file_store,
	.load = file_load,
	.tail = file_tail,
	.sync = file_sync,
	.release = file_release,
};

struct kvm_ft_end *kvm_ft_file_end(struct file *file)
{
	struct file_end *f;

	if (!S_ISREG(file_inode(file)->i_mode))
		return ERR_PTR(-EINVAL);
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->end.ops = &file_ops;
	f->file = file;
	return &f->end;
}
