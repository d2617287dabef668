// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <getopt.h>
#include <linux/kvm_ft.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "memory.h"
#include "message.h"
#include "options.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MEMORY_DEFAULT	(512ull << 20)
#define HASH_INTERVAL	100000000ull

static const char help[] =
"usage: ftvmm --kernel FILE [OPTION]...\n"
"       ftvmm --replay DIR [OPTION]...\n"
"       ftvmm --secondary FD --arbiter FILE [OPTION]...\n"
"       ftvmm check [-j] --kernel FILE [OPTION]...\n"
"       ftvmm send SOCKET REQUEST\n"
"\n"
"Run a Linux guest under KVM, with one vCPU and no firmware; or replay a recording\n"
"of one; or be the secondary of a guest on another host. 'check' says what stands in\n"
"the way of protecting such a guest, without starting it. 'send' sends a request to\n"
"the control socket of a guest that runs, and prints the reply: status, pause,\n"
"resume, power (the button), quit, finish (a recording), unprotect, promote (the\n"
"secondary), events (what changes, until the guest ends), help, or a whole request\n"
"in JSON, such as '{\"command\":\"record\",\"dir\":\"DIR\"}'. ftadm sends protect.\n"
"\n"
"  -k, --kernel FILE     the guest's kernel: a bzImage, such as /boot/vmlinuz-*\n"
"  -i, --initrd FILE     its initial RAM disk\n"
"  -a, --append WORDS    for its command line\n"
"  -m, --memory SIZE     of its RAM: MiB, or with K, M or G (512M)\n"
"  -d, --disk FILE[,shared][,ro]\n"
"                        a raw disk image or block device; shared: on storage that\n"
"                        other hosts reach, too; ro: only read. The guest's vda, vdb,\n"
"                        ... Up to 8\n"
"      --net tap=NAME[,mac=ADDRESS]\n"
"                        a network device, on the host's tap device. Up to 4\n"
"      --console TYPE    what the terminal is: 'serial', the guest's ttyS0 (the\n"
"                        default), 'virtio', its hvc0, or 'none'. Ctrl-A x ends\n"
"                        the guest, Ctrl-A Ctrl-A is one Ctrl-A for the guest\n"
"      --cpus 1          there can be one vCPU only\n"
"  -n, --name NAME       of the guest, in messages (ftvmm)\n"
"      --control SOCKET  make a UNIX socket for requests: see 'send'\n"
"      --log FILE        append messages to a file, instead of stderr\n"
"\n"
"      --record DIR      record the guest to a new folder, from the start\n"
"      --replay DIR      play a recording: no network, no disks; what the guest\n"
"                        prints is shown again. With --disk, what it writes goes to\n"
"                        that image, which must be as the disk was at the start\n"
"      --verify          record registers at each entry and hashes of RAM, so that a\n"
"                        replay is checked against them; with --replay: refuse a\n"
"                        recording without them\n"
"      --until N         replay the first N entries of the log only\n"
"      --hash-interval N guest progress between two hashes of RAM (100000000)\n"
"      --counter TYPE    of guest progress: 'cpu', the CPU's own (the default), or\n"
"                        'lab', that of an emulated host\n"
"\n"
"      --secondary FD    replay the guest that comes over a connection, which is\n"
"                        open as descriptor FD, and take it over when its primary is\n"
"                        lost; with the disks and network devices that the primary has,\n"
"                        on this host. ftd starts it\n"
"      --arbiter FILE    a block device, or file, that both hosts share and that was\n"
"                        formatted with ft-arbiter: it decides who runs the guest\n"
"\n"
"  -j, --json            print what 'check' finds in JSON\n"
"  -h, --help            this text\n"
"  -V, --version\n"
"\n"
"SIGTERM or SIGHUP, as when the terminal closes, presses the guest's power button;\n"
"a second SIGTERM, or SIGINT, ends it at once, as any of them does a replay or a\n"
"secondary. When the guest resets itself, it starts again.\n"
"\n"
"Exit status: 0 when the guest was powered off or ended, the recording was played to\n"
"its end, nothing stands in the way of protection, or the request was granted; 1 after\n"
"an error or otherwise, 2 if the command line is wrong, 3 if a replay has diverged\n"
"from its recording, 4 if another host runs the guest now.\n";

enum {
	OPT_CONSOLE = 256,
	OPT_CONTROL,
	OPT_LOG,
	OPT_NET,
	OPT_RECORD,
	OPT_SECONDARY,
	OPT_ARBITER,
	OPT_REPLAY,
	OPT_UNTIL,
	OPT_VERIFY,
	OPT_HASH_INTERVAL,
	OPT_COUNTER,
	OPT_REFUSED,	/* and those of refused_options that follow */
};

static const struct option table[] = {
	{ "kernel", required_argument, NULL, 'k' },
	{ "initrd", required_argument, NULL, 'i' },
	{ "append", required_argument, NULL, 'a' },
	{ "memory", required_argument, NULL, 'm' },
	{ "disk", required_argument, NULL, 'd' },
	{ "net", required_argument, NULL, OPT_NET },
	{ "console", required_argument, NULL, OPT_CONSOLE },
	{ "name", required_argument, NULL, 'n' },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "record", required_argument, NULL, OPT_RECORD },
	{ "replay", required_argument, NULL, OPT_REPLAY },
	{ "secondary", required_argument, NULL, OPT_SECONDARY },
	{ "arbiter", required_argument, NULL, OPT_ARBITER },
	{ "until", required_argument, NULL, OPT_UNTIL },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "hash-interval", required_argument, NULL, OPT_HASH_INTERVAL },
	{ "counter", required_argument, NULL, OPT_COUNTER },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static int parse_memory(struct options *options, const char *text)
{
	unsigned int shift = 20;
	char *end;
	unsigned long long size;

	errno = 0;
	size = strtoull(text, &end, 10);
	if (*end && strchr("kK", *end))
		shift = 10;
	else if (*end && strchr("gG", *end))
		shift = 30;
	else if (*end && !strchr("mM", *end))
		shift = 64;
	if (*end)
		end++;
	if (errno || end == text || *end || shift == 64 || size > MEMORY_MAX >> shift)
		return complain("--memory %s: a size such as 512M or 4G, up to %lluG", text,
				MEMORY_MAX >> 30);
	options->memory = (size << shift) / MEMORY_UNIT * MEMORY_UNIT;
	if (options->memory < MEMORY_MIN)
		return complain("--memory %s: at least %lluM are needed", text, MEMORY_MIN >> 20);
	return 0;
}

static int parse_console(struct options *options, const char *text)
{
	if (!strcmp(text, "serial"))
		options->console = CONSOLE_SERIAL;
	else if (!strcmp(text, "virtio"))
		options->console = CONSOLE_VIRTIO;
	else if (!strcmp(text, "none"))
		options->console = CONSOLE_NONE;
	else
		return complain("--console %s: it is serial, virtio or none", text);
	return 0;
}

static int parse_disk(struct options *options, char *text)
{
	struct disk_option *disk = &options->disk[options->disks];
	char *comma;

	if (options->disks == DISKS_MAX)
		return complain("--disk %s: there can be %d disks", text, DISKS_MAX);
	disk->path = text;
	while ((comma = strrchr(text, ','))) {
		if (!strcmp(comma, ",ro"))
			disk->read_only = true;
		else if (!strcmp(comma, ",shared"))
			disk->shared = true;
		else
			return complain("--disk %s: after the comma, only ro and shared are known",
					text);
		*comma = '\0';
	}
	options->disks++;
	return 0;
}

/* Six numbers; the address must be one of a single device. */
static int parse_mac(uint8_t *mac, const char *text)
{
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &end) != 6 || text[end] || (mac[0] & 1))
		return complain("--net mac=%s: like 52:54:00:12:34:56, the first number even",
				text);
	return 0;
}

static int parse_net(struct options *options, char *text)
{
	struct net_option *net = &options->net[options->nets];
	const uint8_t mac[] = { 0x52, 0x54, 0x00, 0xf7, 0x00, options->nets + 1 };
	enum { TAP, MAC };
	static char *const keys[] = { [TAP] = "tap", [MAC] = "mac", NULL };
	char *value;

	if (options->nets == NICS_MAX)
		return complain("--net %s: there can be %d network devices", text, NICS_MAX);
	memcpy(net->mac, mac, sizeof(mac));
	while (*text) {
		switch (getsubopt(&text, keys, &value)) {
		case TAP:
			net->tap = value;
			break;
		case MAC:
			if (parse_mac(net->mac, value ?: ""))
				return -1;
			break;
		default:
			return complain("--net %s: it is tap=NAME and mac=ADDRESS", value);
		}
	}
	if (!net->tap)
		return complain("--net: it needs tap=NAME, the host's tap device");
	options->nets++;
	return 0;
}

static int parse_number(const char *option, const char *text, uint64_t min, uint64_t max,
			uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || *number < min || *number > max)
		return complain("%s %s: a number from %llu to %llu", option, text,
				(unsigned long long)min, (unsigned long long)max);
	return 0;
}

static int parse_counter(struct options *options, const char *text)
{
	options->lab_counter = !strcmp(text, "lab");
	if (!options->lab_counter && strcmp(text, "cpu"))
		return complain("--counter %s: it is cpu or lab", text);
	return 0;
}

static int parse_descriptor(struct options *options, const char *text)
{
	uint64_t fd;

	if (parse_number("--secondary", text, 0, INT32_MAX, &fd))
		return -1;
	options->secondary = fd;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC))
		return complain("--secondary %s: no such descriptor: ftd starts secondaries", text);
	return 0;
}

/* Those of a recording, and of the machine that makes it. */
static int take_recording(struct options *options, int option, char *value)
{
	switch (option) {
	case OPT_RECORD:
		options->record = value;
		return 0;
	case OPT_REPLAY:
		options->replay = value;
		return 0;
	case OPT_SECONDARY:
		return parse_descriptor(options, value);
	case OPT_ARBITER:
		options->arbiter = value;
		return 0;
	case OPT_VERIFY:
		options->verify = true;
		return 0;
	case OPT_HASH_INTERVAL:
		return parse_number("--hash-interval", value, KVM_FT_INTERVAL_MIN,
				    KVM_FT_INTERVAL_MAX, &options->hash_interval);
	case OPT_UNTIL:
		return parse_number("--until", value, 1, UINT64_MAX, &options->until);
	case OPT_COUNTER:
		return parse_counter(options, value);
	default:
		return complain("see ftvmm --help");	/* getopt has told what is wrong */
	}
}

/* Told at once, or kept for the list of all that is in the way. */
static int refuse(struct options *options, const struct refused_option *refused,
		  const char *value)
{
	uint64_t cpus;

	if (refused == REFUSED_CPUS) {
		if (parse_number("--cpus", value, 1, INT32_MAX, &cpus))
			return -1;
		if (cpus == 1)
			return 0;
	}
	if (!options->check)
		return complain("--%s, %s: %s: %s", refused->option, refused->name, refused->text,
				refused->remedy);
	if (options->refusals < REFUSALS_MAX)
		options->refused[options->refusals++] = refused;
	return 0;
}

static int take(struct options *options, int option, char *value)
{
	if (option >= OPT_REFUSED)
		return refuse(options, &refused_options[option - OPT_REFUSED], value);
	switch (option) {
	case 'k':
		options->kernel = value;
		return 0;
	case 'i':
		options->initrd = value;
		return 0;
	case 'a':
		options->append = value;
		return 0;
	case 'm':
		return parse_memory(options, value);
	case 'n':
		options->name = value;
		return 0;
	case 'd':
		return parse_disk(options, value);
	case OPT_NET:
		return parse_net(options, value);
	case OPT_CONSOLE:
		return parse_console(options, value);
	case 'j':
		options->json = true;
		return 0;
	case OPT_CONTROL:
		options->control = value;
		return 0;
	case OPT_LOG:
		options->log = value;
		return 0;
	case 'h':
		fputs(help, stdout);
		return 1;
	case 'V':
		puts("ftvmm " FTVMM_VERSION);
		return 1;
	default:
		return take_recording(options, option, value);
	}
}

static int check_record(const struct options *options)
{
	if (options->json && !options->check)
		return complain("-j is for ftvmm check");
	if (options->check && options->record)
		return complain("ftvmm check: it is about a guest, not a recording");
	if (!options->kernel)
		return complain("no kernel to boot: give one with --kernel, see ftvmm --help");
	if (options->until)
		return complain("--until is for --replay");
	return 0;
}

static int check_replay(const struct options *options)
{
	if (options->record)
		return complain("--record and --replay: it is one or the other");
	if (options->check || options->json)
		return complain("ftvmm check: it is about a guest, not a recording");
	if (options->kernel || options->initrd || options->nets)
		return complain("--replay: kernel, initrd and nets are those of the recording");
	return 0;
}

static int check_secondary(const struct options *options)
{
	if (options->record || options->replay || options->verify || options->until)
		return complain("--secondary: its primary decides what is recorded");
	if (options->check || options->json)
		return complain("ftvmm check: it is about a guest, not a secondary");
	if (options->kernel || options->initrd)
		return complain("--secondary: kernel and initrd come from its primary");
	if (!options->arbiter)
		return complain("--secondary: name its primary's arbiter with --arbiter");
	return 0;
}

/* The options that there are, and those that are refused. */
static void make_table(struct option *all)
{
	unsigned int i;

	for (i = 0; i < REFUSED_OPTIONS; i++)
		*all++ = (struct option){ refused_options[i].option, required_argument, NULL,
					  OPT_REFUSED + i };
	memcpy(all, table, sizeof(table));
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct option all[ARRAY_SIZE(table) + REFUSED_OPTIONS];
	int option, done;

	*options = (struct options){ .name = "ftvmm", .append = "", .memory = MEMORY_DEFAULT,
				      .hash_interval = HASH_INTERVAL, .secondary = -1 };
	if (getrandom(options->id, sizeof(options->id), 0) != sizeof(options->id))
		return complain("no random number for the VM: %s", strerror(errno));
	make_table(all);
	options->check = argc > 1 && !strcmp(argv[1], "check");
	optind = options->check ? 2 : 1;
	while ((option = getopt_long(argc, argv, "k:i:a:m:d:n:jhV", all, NULL)) != -1) {
		done = take(options, option, optarg);
		if (done)
			return done;
	}
	if (optind < argc)
		return complain("'%s' is not an option: see ftvmm --help", argv[optind]);
	if (options->secondary >= 0)
		return check_secondary(options);
	return options->replay ? check_replay(options) : check_record(options);
}
