// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "control_link.h"
#include "ftadm.h"
#include "loop.h"
#include "object.h"

#define ASK_MS		5000
#define LISTEN_MS	1000	/* from a socket's file being there to its being listened at */
#define LOOK_MS		10
#define FTD		" ftd"	/* no VM can be called so */

/**
 * struct teller - somebody who tells events
 * @next: in the list of all
 * @link: to it
 * @watch: the link's descriptor
 * @name: of the VM, or FTD
 */
struct teller {
	struct teller *next;
	struct control_link link;
	struct watch watch;
	char name[64];
};

/**
 * struct folder - where sockets are, and new ones appear
 * @a: the command line
 * @loop: the main loop
 * @watch: inotify
 * @path: of the folder
 * @only: name of the one socket in it that counts; NULL for all
 */
struct folder {
	const struct arguments *a;
	struct loop *loop;
	struct watch watch;
	char path[CONFIG_WORD];
	const char *only;
};

static struct teller *tellers;

static void forget(struct teller *teller)
{
	struct teller **at = &tellers;

	while (*at != teller)
		at = &(*at)->next;
	*at = teller->next;
	control_link_close(&teller->link);
	free(teller);
}

static bool is_known(const char *name)
{
	const struct teller *teller = tellers;

	while (teller && strcmp(teller->name, name))
		teller = teller->next;
	return teller;
}

/* An event, with where it is from.  It is put. */
static void print_event(const struct teller *teller, struct json_object *event)
{
	const char *name = object_text(event, "event");

	/* ftd tells on what a VM has told, to those who see only ftd. */
	if (name && (strcmp(teller->name, FTD) || strcmp(name, "protect_progress"))) {
		if (strcmp(teller->name, FTD))
			object_add_text(event, "vm", teller->name);
		else
			object_add_flag(event, "ftd", true);
		puts(object_line(event));
		fflush(stdout);
	}
	json_object_put(event);
}

static void tell(const struct teller *teller, const char *name)
{
	struct json_object *event = json_object_new_object();

	if (event)
		object_add_text(event, "event", name);
	print_event(teller, event);
}

static void on_line(void *owner)
{
	struct teller *teller = owner;
	struct json_object *event;

	while ((event = control_link_next(&teller->link, 0)))
		print_event(teller, event);
	if (errno == ETIMEDOUT)
		return;
	tell(teller, "closed");
	forget(teller);
}

/* Its program has made the file, but may be about to listen only now. */
static int open_link(struct control_link *link, const char *path)
{
	int64_t deadline = deadline_in(LISTEN_MS);
	int err;

	while ((err = control_link_open(link, path)) == -ECONNREFUSED && deadline_left(deadline))
		poll(NULL, 0, LOOK_MS);
	return err;
}

static int subscribe(struct teller *teller)
{
	struct json_object *reply = NULL;
	bool ok;

	if (!control_link_send(&teller->link, control_request("events"), -1))
		reply = control_link_next(&teller->link, deadline_in(ASK_MS));
	ok = object_flag(reply, "ok");
	json_object_put(reply);
	return ok ? 0 : -1;
}

/* A socket that nobody listens to is what a killed program has left. */
static void add_teller(const char *path, const char *name, struct loop *loop)
{
	struct teller *teller = is_known(name) ? NULL : calloc(1, sizeof(*teller));

	if (!teller)
		return;
	snprintf(teller->name, sizeof(teller->name), "%s", name);
	if (open_link(&teller->link, path)) {
		free(teller);
		return;
	}
	teller->next = tellers;
	tellers = teller;
	teller->watch = (struct watch){
		.fd = teller->link.lines.fd, .ready = on_line, .owner = teller,
	};
	if (!subscribe(teller) && !loop_watch(loop, &teller->watch)) {
		tell(teller, "subscribed");
		on_line(teller);	/* what came along with the reply */
		return;
	}
	complain("%s does not tell events", path);
	forget(teller);
}

static void add_file(struct folder *folder, const char *file)
{
	char path[CONFIG_WORD + 256], name[64];
	size_t length = strlen(file);

	snprintf(path, sizeof(path), "%s/%s", folder->path, file);
	if (folder->only) {
		if (!strcmp(file, folder->only))
			add_teller(path, FTD, folder->loop);
		return;
	}
	if (length < 6 || length - 5 >= sizeof(name) || strcmp(file + length - 5, ".sock"))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)length - 5, file);
	add_teller(path, name, folder->loop);
}

static void on_new_files(void *owner)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct folder *folder = owner;
	ssize_t got = read(folder->watch.fd, buffer, sizeof(buffer));
	const struct inotify_event *event;
	char *at;

	for (at = buffer; got > 0 && at < buffer + got; at += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)at;
		if (event->len)
			add_file(folder, event->name);
	}
}

static int add_folder(struct folder *folder)
{
	struct dirent *entry;
	DIR *dir;

	folder->watch.ready = on_new_files;
	folder->watch.owner = folder;
	folder->watch.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (folder->watch.fd < 0 ||
	    inotify_add_watch(folder->watch.fd, folder->path, IN_CREATE | IN_MOVED_TO) < 0)
		return complain("cannot watch %s: %s: start ftd, or a VM", folder->path,
				strerror(errno));
	dir = opendir(folder->path);
	if (!dir)
		return complain("cannot read %s: %s", folder->path, strerror(errno));
	while ((entry = readdir(dir)))
		add_file(folder, entry->d_name);
	closedir(dir);
	return loop_watch(folder->loop, &folder->watch);
}

int events_show(const struct arguments *a)
{
	static struct loop loop;
	static struct folder vms = { .loop = &loop }, ftd = { .loop = &loop };
	char *slash;

	snprintf(vms.path, sizeof(vms.path), "%s", a->config.sockets);
	snprintf(ftd.path, sizeof(ftd.path), "%s", a->config.socket);
	slash = strrchr(ftd.path, '/');
	if (!slash) {
		complain("socket in ftd.conf must be a path from the root");
		return EXIT_ERROR;
	}
	*slash = '\0';
	ftd.only = slash + 1;
	if (loop_open(&loop) || add_folder(&vms) || add_folder(&ftd) || loop_run(&loop))
		return EXIT_ERROR;
	return 0;
}
