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
#include "option_values.h"
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
"      --verify          with --record: registers at each entry, and hashes of RAM, so\n"
"                        that a replay is checked against them; with --replay: refuse\n"
"                        a recording without them\n"
"      --until N         replay the first N entries of the log only\n"
"      --hash-interval N guest progress between two hashes of RAM (100000000), for\n"
"                        --verify, and for what is asked for through --control\n"
"      --counter TYPE    of guest progress: 'cpu', the CPU's own (the default), or\n"
"                        'lab', that of an emulated host\n"
"\n"
"      --secondary FD    replay the guest that comes over a connection, which is\n"
"                        open as descriptor FD, and take it over when its primary is\n"
"                        lost; with the disks and network devices that the primary has,\n"
"                        on this host. ftd starts it\n"
"      --arbiter FILE    a block device, or file, that both hosts share and that was\n"
"                        formatted with ft-arbiter: it decides who runs the guest.\n"
"                        A guest that is to be protected needs --control, too\n"
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
		return option_descriptor(options, value);
	case OPT_ARBITER:
		options->arbiter = value;
		return 0;
	case OPT_VERIFY:
		options->verify = true;
		return 0;
	case OPT_HASH_INTERVAL:
		return option_number("--hash-interval", value, KVM_FT_INTERVAL_MIN,
				    KVM_FT_INTERVAL_MAX, &options->hash_interval);
	case OPT_UNTIL:
		return option_number("--until", value, 1, UINT64_MAX, &options->until);
	case OPT_COUNTER:
		return option_counter(options, value);
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
		if (option_number("--cpus", value, 1, INT32_MAX, &cpus))
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

static const char *name_of(int option)
{
	const struct option *entry = table;

	while (entry->name && entry->val != option)
		entry++;
	return entry->name;
}

static int take(struct options *options, int option, char *value)
{
	if (option >= OPT_REFUSED)
		return refuse(options, &refused_options[option - OPT_REFUSED], value);
	if (value && !*value && option != 'a')
		return complain("--%s: it must not be empty", name_of(option));
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
		return option_memory(options, value);
	case 'n':
		options->name = value;
		return 0;
	case 'd':
		return option_disk(options, value);
	case OPT_NET:
		return option_net(options, value);
	case OPT_CONSOLE:
		return option_console(options, value);
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

/* Ways to run ftvmm. */
enum mode {
	MODE_GUEST = 1,
	MODE_CHECK = 2,
	MODE_REPLAY = 4,
	MODE_SECONDARY = 8,
};

#define RECORDED	"kernel, memory, console and network are those of the recording"
#define FROM_PRIMARY	"it comes from the primary"
#define PRIMARY_RECORDS	"its primary decides what is recorded"
#define CHECKS_GUESTS	"ftvmm check is about a guest that is not recorded, and no secondary"

/* Where options would be of no effect, and why. */
static const struct {
	int option;
	unsigned int modes;
	const char *why;
} rules[] = {
	{ 'k', MODE_REPLAY, RECORDED },
	{ 'i', MODE_REPLAY, RECORDED },
	{ 'a', MODE_REPLAY, RECORDED },
	{ 'm', MODE_REPLAY, RECORDED },
	{ OPT_CONSOLE, MODE_REPLAY, RECORDED },
	{ OPT_NET, MODE_REPLAY, RECORDED },
	{ OPT_HASH_INTERVAL, MODE_REPLAY, "it is as it was recorded" },
	{ OPT_ARBITER, MODE_REPLAY, "a replay cannot be protected" },
	{ OPT_RECORD, MODE_REPLAY, "a replay is not recorded: copy the recording" },
	{ 'k', MODE_SECONDARY, FROM_PRIMARY },
	{ 'i', MODE_SECONDARY, FROM_PRIMARY },
	{ 'a', MODE_SECONDARY, FROM_PRIMARY },
	{ 'm', MODE_SECONDARY, FROM_PRIMARY },
	{ OPT_CONSOLE, MODE_SECONDARY, FROM_PRIMARY },
	{ OPT_HASH_INTERVAL, MODE_SECONDARY, FROM_PRIMARY },
	{ OPT_RECORD, MODE_SECONDARY, PRIMARY_RECORDS },
	{ OPT_REPLAY, MODE_SECONDARY, PRIMARY_RECORDS },
	{ OPT_VERIFY, MODE_SECONDARY, PRIMARY_RECORDS },
	{ OPT_RECORD, MODE_CHECK, CHECKS_GUESTS },
	{ OPT_REPLAY, MODE_CHECK, CHECKS_GUESTS },
	{ OPT_SECONDARY, MODE_CHECK, CHECKS_GUESTS },
	{ OPT_VERIFY, MODE_CHECK, "it is for --record and --replay" },
	{ OPT_UNTIL, MODE_GUEST | MODE_CHECK | MODE_SECONDARY, "it is for --replay" },
	{ 'j', MODE_GUEST | MODE_REPLAY | MODE_SECONDARY, "it is for ftvmm check" },
};

static int check_rules(const bool *given, enum mode mode)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rules); i++)
		if (given[rules[i].option] && (rules[i].modes & mode))
			return complain("--%s: %s", name_of(rules[i].option), rules[i].why);
	return 0;
}

static int check_guest(const struct options *options, const bool *given, enum mode mode)
{
	if (!options->kernel)
		return complain("no kernel to boot: give one with --kernel, see ftvmm --help");
	if (mode == MODE_CHECK)
		return 0;
	if (options->verify && !options->record)
		return complain("--verify: it is for --record and --replay: requests have one");
	if (given[OPT_HASH_INTERVAL] && !options->verify && !options->control)
		return complain("--hash-interval: nothing would be hashed: see --verify");
	if (options->arbiter && !options->control)
		return complain("--arbiter: nobody could have the guest protected: give --control");
	return 0;
}

static int check_secondary(const struct options *options)
{
	unsigned int i;

	for (i = 0; i < options->nets; i++)
		if (options->net[i].chosen)
			return complain("--net mac=: " FROM_PRIMARY);
	if (!options->arbiter)
		return complain("--secondary: name its primary's arbiter with --arbiter");
	return 0;
}

/* All of them together. */
static int check(const struct options *options, const bool *given)
{
	enum mode mode = options->check ? MODE_CHECK : options->secondary >= 0 ? MODE_SECONDARY :
			 options->replay ? MODE_REPLAY : MODE_GUEST;

	if (check_rules(given, mode) || option_nets_differ(options))
		return -1;
	if (mode == MODE_SECONDARY)
		return check_secondary(options);
	return mode == MODE_REPLAY ? 0 : check_guest(options, given, mode);
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
	bool given[OPT_REFUSED] = { false };
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
		if (option < OPT_REFUSED)
			given[option] = true;
	}
	if (optind < argc)
		return complain("'%s' is not an option: see ftvmm --help", argv[optind]);
	return check(options, given);
}
