// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "counter.h"
#include "session.h"

#define SYSFS	"/sys/class/kvm-ft"
#define DEBUGFS	"/sys/kernel/debug/kvm-ft"

int session_create(const struct guest *g, const char *name)
{
	struct kvm_ft_create create = {
		.vm_fd = g->vm,
		.vcpu_fd = g->vcpu,
		.lab_pmu = counter_attr().type,
	};
	int dev = open("/dev/kvm-ft", O_RDWR | O_CLOEXEC);
	int session;

	snprintf(create.name, sizeof(create.name), "%s", name);
	if (dev < 0)
		err(1, "/dev/kvm-ft");
	session = ioctl(dev, KVM_FT_CREATE, &create);
	if (session < 0)
		err(1, "KVM_FT_CREATE");
	close(dev);
	return session;
}

void session_start(int session, uint32_t role, int log)
{
	struct kvm_ft_log set = { .fd = log };
	struct kvm_ft_start start = { .role = role };

	if (ioctl(session, KVM_FT_SET_LOG, &set))
		err(1, "KVM_FT_SET_LOG");
	if (ioctl(session, KVM_FT_START, &start))
		err(1, "KVM_FT_START (reason %u, differs %#x)", start.reason, start.differs);
}

unsigned int session_id(int session)
{
	char path[64], line[128];
	unsigned int id;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", session);
	f = fopen(path, "r");
	if (!f)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "kvm-ft-session: %u", &id) == 1) {
			fclose(f);
			return id;
		}
	}
	errx(1, "%s does not name a session", path);
}

static const char *contents(const char *top, unsigned int id, const char *file)
{
	static __thread char text[4096];
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/session%u/%s", top, id, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return NULL;
	if (n && text[n - 1] == '\n')
		n--;
	text[n] = 0;
	return text;
}

const char *session_sysfs(unsigned int id, const char *file)
{
	return contents(SYSFS, id, file);
}

const char *session_debugfs(unsigned int id, const char *file)
{
	return contents(DEBUGFS, id, file);
}

static uint64_t parse(const char *text, const char *file)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || (*end && *end != '\n'))
		errx(1, "%s: '%s' is not a number", file, text);
	return value;
}

uint64_t session_number(unsigned int id, const char *file)
{
	const char *text = session_sysfs(id, file);

	if (!text)
		err(1, "session %u: %s", id, file);
	return parse(text, file);
}

uint64_t session_internal(unsigned int id, const char *file, const char *word)
{
	const char *line = session_debugfs(id, file);
	size_t len = strlen(word);

	if (!line)
		err(1, "session %u: %s in debugfs", id, file);
	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, word, len) && line[len] == ' ')
			return parse(line + len + 1, word);
	}
	errx(1, "session %u: no %s in debugfs' %s", id, word, file);
}

int sessions_in_sysfs(void)
{
	DIR *dir = opendir(SYSFS);
	struct dirent *entry;
	int n = 0;

	if (!dir)
		err(1, SYSFS);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

int temporary_file(void)
{
	char path[] = "/tmp/selftest-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		err(1, "%s", path);
	unlink(path);
	return fd;
}
