// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions in sysfs: /sys/class/kvm-ft/session<id>/, as described in
 * Documentation/ABI/testing/sysfs-class-kvm-ft.
 *
 * The functions that show an attribute take no lock: the session's is held for
 * as long as the guest runs.  What they read is a word each, which may be older
 * than another one's.  A session is removed from here before anything of it is
 * freed, and removal waits for them.
 */
#include <linux/device.h>
#include <linux/idr.h>
#include <linux/kernfs.h>
#include <linux/sysfs.h>

#include "session.h"

static struct class session_class = {
	.name = "kvm-ft",
};

static DEFINE_IDA(ids);

static const char * const state_names[] = {
	[KVM_FT_STATE_NEW]	 = "new",
	[KVM_FT_STATE_RECORDING] = "recording",
	[KVM_FT_STATE_REPLAYING] = "replaying",
	[KVM_FT_STATE_STOPPED]	 = "stopped",
	[KVM_FT_STATE_DIVERGED]	 = "diverged",
	[KVM_FT_STATE_FAILED]	 = "failed",
};

/**
 * kvm_ft_state_name() - a state as sysfs shows it
 * @state: KVM_FT_STATE_*
 *
 * Return: one word, never NULL.
 */
const char *kvm_ft_state_name(u32 state)
{
	return state < ARRAY_SIZE(state_names) ? state_names[state] : "unknown";
}

static ssize_t name_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", s->name);
}
static DEVICE_ATTR_RO(name);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", kvm_ft_state_name(READ_ONCE(s->state)));
}
static DEVICE_ATTR_RO(state);

static ssize_t role_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	switch (READ_ONCE(s->role)) {
	case KVM_FT_RECORD:
		return sysfs_emit(buf, "record\n");
	case KVM_FT_REPLAY:
		return sysfs_emit(buf, "replay\n");
	default:
		return sysfs_emit(buf, "none\n");
	}
}
static DEVICE_ATTR_RO(role);

static ssize_t error_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", -READ_ONCE(s->error));
}
static DEVICE_ATTR_RO(error);

static ssize_t reason_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);
	const char *what = NULL;

	switch (READ_ONCE(s->state)) {
	case KVM_FT_STATE_DIVERGED:
		what = READ_ONCE(s->replayer.divergence.what);
		break;
	case KVM_FT_STATE_FAILED:
		what = READ_ONCE(s->what);
		break;
	}
	return sysfs_emit(buf, "%s\n", what ?: "");
}
static DEVICE_ATTR_RO(reason);

static ssize_t progress_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(s->here.progress));
}
static DEVICE_ATTR_ADMIN_RO(progress);

static ssize_t log_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(s->log_pos));
}
static DEVICE_ATTR_ADMIN_RO(log_bytes);

/* Bytes of the block under construction, once there is something to store. */
static u64 not_stored(const struct kvm_ft_recorder *r)
{
	return READ_ONCE(r->writer.entries) ? READ_ONCE(r->writer.len) : 0;
}

/* The two may be of different blocks for a moment. */
static u64 not_replayed(const struct kvm_ft_replayer *r)
{
	const u8 *pos = READ_ONCE(r->reader.pos);
	const u8 *end = READ_ONCE(r->reader.end);

	return (pos < end ? end - pos : 0) + READ_ONCE(r->next_len);
}

static ssize_t lag_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);
	u64 lag = 0;

	switch (READ_ONCE(s->role)) {
	case KVM_FT_RECORD:
		lag = not_stored(&s->recorder);
		break;
	case KVM_FT_REPLAY:
		lag = not_replayed(&s->replayer);
		break;
	}
	return sysfs_emit(buf, "%llu\n", lag);
}
static DEVICE_ATTR_ADMIN_RO(lag_bytes);

static const char * const link_names[] = {
	[KVM_FT_LINK_NONE]	= "none",
	[KVM_FT_LINK_OPENING]	= "opening",
	[KVM_FT_LINK_UP]	= "up",
	[KVM_FT_LINK_LOST]	= "lost",
	[KVM_FT_LINK_CLOSED]	= "closed",
};

static ssize_t link_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", link_names[READ_ONCE(s->link.page->state)]);
}
static DEVICE_ATTR_RO(link);

static ssize_t committed_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(s->link.page->committed));
}
static DEVICE_ATTR_ADMIN_RO(committed_bytes);

static ssize_t replayed_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(s->link.page->replayed));
}
static DEVICE_ATTR_ADMIN_RO(replayed_bytes);

static ssize_t lag_ms_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", div_u64(READ_ONCE(s->link.page->lag_ns),
						 NSEC_PER_MSEC));
}
static DEVICE_ATTR_RO(lag_ms);

static ssize_t held_ms_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", div_u64(READ_ONCE(s->link.page->held_ns),
						 NSEC_PER_MSEC));
}
static DEVICE_ATTR_RO(held_ms);

static struct attribute *session_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_state.attr,
	&dev_attr_role.attr,
	&dev_attr_error.attr,
	&dev_attr_reason.attr,
	&dev_attr_progress.attr,
	&dev_attr_log_bytes.attr,
	&dev_attr_lag_bytes.attr,
	&dev_attr_link.attr,
	&dev_attr_committed_bytes.attr,
	&dev_attr_replayed_bytes.attr,
	&dev_attr_lag_ms.attr,
	&dev_attr_held_ms.attr,
	NULL
};

static unsigned long kind_of(struct device_attribute *attr)
{
	return (unsigned long)container_of(attr, struct dev_ext_attribute, attr)->var;
}

static ssize_t entries_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);
	unsigned long kind = kind_of(attr);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(s->recorder.entries[kind]) +
			  READ_ONCE(s->replayer.entries[kind]));
}

static ssize_t bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvm_ft_session *s = dev_get_drvdata(dev);
	unsigned long kind = kind_of(attr);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(s->recorder.bytes[kind]) +
			  READ_ONCE(s->replayer.bytes[kind]));
}

/* A folder with a file for each kind of entry, named as the engine names it. */
struct kind_folder {
	struct dev_ext_attribute files[KVM_FT_KIND_LIMIT];
	struct attribute *attrs[KVM_FT_KIND_LIMIT + 1];
};

static struct kind_folder entries_folder;
static struct kind_folder bytes_folder;

static void fill(struct kind_folder *folder,
		 ssize_t (*show)(struct device *dev, struct device_attribute *attr, char *buf))
{
	struct attribute **attr = folder->attrs;
	unsigned long kind;

	for (kind = 0; kind < KVM_FT_KIND_LIMIT; kind++) {
		struct dev_ext_attribute *file = &folder->files[kind];

		if (!kvm_ft_kind_name(kind))
			continue;
		sysfs_attr_init(&file->attr.attr);
		file->attr.attr.name = kvm_ft_kind_name(kind);
		file->attr.attr.mode = 0400;
		file->attr.show = show;
		file->var = (void *)kind;
		*attr++ = &file->attr.attr;
	}
}

static const struct attribute_group session_group = {
	.attrs = session_attrs,
};

static const struct attribute_group entries_group = {
	.name = "entries",
	.attrs = entries_folder.attrs,
};

static const struct attribute_group bytes_group = {
	.name = "bytes",
	.attrs = bytes_folder.attrs,
};

static const struct attribute_group *session_groups[] = {
	&session_group,
	&entries_group,
	&bytes_group,
	NULL
};

/**
 * kvm_ft_sysfs_add() - show the session; gives it its number
 * @s: the session, otherwise complete
 *
 * Return: 0, or a negative errno.
 */
int kvm_ft_sysfs_add(struct kvm_ft_session *s)
{
	int id = ida_alloc(&ids, GFP_KERNEL);

	if (id < 0)
		return id;
	s->id = id;
	s->dev = device_create_with_groups(&session_class, NULL, 0, s, session_groups,
					   "session%u", s->id);
	if (IS_ERR(s->dev)) {
		int err = PTR_ERR(s->dev);

		s->dev = NULL;
		ida_free(&ids, id);
		return err;
	}
	s->state_attr = sysfs_get_dirent(s->dev->kobj.sd, "state");
	return 0;
}

/**
 * kvm_ft_sysfs_remove() - undo kvm_ft_sysfs_add()
 * @s: the session; may be one that was not added
 *
 * When it returns nobody reads the session through sysfs any more.
 */
void kvm_ft_sysfs_remove(struct kvm_ft_session *s)
{
	if (!s->dev)
		return;
	sysfs_put(s->state_attr);
	device_unregister(s->dev);
	ida_free(&ids, s->id);
}

/**
 * kvm_ft_sysfs_state_changed() - wake who polls the session's state
 * @s: the session, added
 */
void kvm_ft_sysfs_state_changed(struct kvm_ft_session *s)
{
	if (s->state_attr)
		sysfs_notify_dirent(s->state_attr);
}

/**
 * kvm_ft_sysfs_init() - at module load
 *
 * Return: 0, or a negative errno.
 */
int kvm_ft_sysfs_init(void)
{
	fill(&entries_folder, entries_show);
	fill(&bytes_folder, bytes_show);
	return class_register(&session_class);
}

/**
 * kvm_ft_sysfs_exit() - at module unload
 */
void kvm_ft_sysfs_exit(void)
{
	class_unregister(&session_class);
	ida_destroy(&ids);
}
