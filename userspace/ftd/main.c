// SPDX-License-Identifier: GPL-2.0-only
/* ftd, the daemon of a host that has protected VMs, or secondaries of others'. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "channel.h"
#include "daemon.h"
#include "message.h"

#define EXIT_USAGE	2
#define READY_MS	30000	/* for a secondary to start */
#define END_MS		15000	/* for one of an older protection to end */

static const char help[] =
	"usage: ftd [-c FILE]\n"
	"\n"
	"Pairs this host with others that run VMs of kvm-ft.\n"
	"\n"
	"  -c, --config FILE  settings (" CONFIG_FILE ")\n"
	"  -h, --help         this text\n"
	"  -V, --version\n"
	"\n"
	"It stays in the foreground; messages go to standard error. SIGTERM ends it; VMs and\n"
	"their protection go on without it.";

static int serve(const char *path)
{
	static struct daemon d = {
		.pairing = { .describe = host_describe, .pair_ms = CHANNEL_PAIR_MS,
			     .ready_ms = READY_MS, .end_ms = END_MS },
	};
	struct findings findings = { .count = 0 };
	int err;

	if (config_read(&d.config, path, &findings)) {
		pairing_complain("cannot", "start", &findings);
		return -1;
	}
	err = daemon_open(&d, &findings);
	if (err)
		pairing_complain("cannot", "start", &findings);
	else
		err = daemon_run(&d);
	daemon_close(&d);
	return err;
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	const char *path = CONFIG_FILE;
	int option;

	message_open("ftd", NULL);
	while ((option = getopt_long(argc, argv, "c:hV", table, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'h':
			puts(help);
			return 0;
		case 'V':
			puts("ftd " FTD_VERSION);
			return 0;
		default:
			return EXIT_USAGE;	/* getopt has told what is wrong */
		}
	}
	if (optind < argc) {
		tell_error("it takes no arguments: see ftd --help");
		return EXIT_USAGE;
	}
	return serve(path) ? 1 : 0;
}
