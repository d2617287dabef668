// SPDX-License-Identifier: GPL-2.0-only
/* ftadm, the administrator's command of kvm-ft. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ftadm.h"
#include "object.h"

#define VERSION		"0.1.0"
#define EXIT_USAGE	2
/* Options without a letter. */
#define OPT_VERIFY	256
#define OPT_HASH_INTERVAL	257
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static int run_log_dump(const struct arguments *a)
{
	return log_dump(a->argument, a->json);
}

static int run_log_stat(const struct arguments *a)
{
	return log_stat(a->argument, a->json);
}

static const struct command commands[] = {
	{ "host", "check", NULL, "say what keeps this host from protecting VMs",
	  "Looks at KVM, the modules, the settings of ftd, and tests with a guest of its own\n"
	  "whether the counter of guest progress is exact. Takes a few seconds.",
	  0, host_check },
	{ "host", "list", NULL, "list the other hosts that ftd.conf names", NULL, 0, host_list },
	{ "vm", "list", NULL, "list the VMs of this host", NULL, 0, vm_list },
	{ "vm", "status", "VM", "say how a VM is", NULL, 0, vm_status },
	{ "vm", "protect", "VM", "replay a VM that runs here on another host, from now on",
	  "--secondary names the host: one of those in ftd.conf, or its address on the logging\n"
	  "link. With --verify the secondary compares all registers with each entry of the log,\n"
	  "and hashes of RAM at intervals; the VM is slower for it. --hash-interval says how far\n"
	  "the guest runs in between; its VMM keeps that, also on its next host. With --dry-run\n"
	  "the hosts are compared, and nothing is changed.",
	  OPTION_SECONDARY | OPTION_VERIFY | OPTION_HASH_INTERVAL | OPTION_DRY_RUN, vm_protect },
	{ "vm", "unprotect", "VM", "end the protection of a VM, which runs on here",
	  "With --dry-run it is only looked at whether the VM is protected.",
	  OPTION_DRY_RUN, vm_unprotect },
	{ "vm", "promote", "VM", "move a VM to its secondary's host",
	  "A planned switch: the VM stands still until its secondary has all of it, and goes on\n"
	  "there, unprotected. Nothing is lost. If the secondary fails meanwhile the VM goes on\n"
	  "here. With --dry-run it is only looked whether there is a secondary.",
	  OPTION_DRY_RUN, vm_promote },
	{ "vm", "test-failover", "VM", "kill a VM's primary, to see its secondary take over",
	  "As if the process had crashed: ftvmm is killed without a word. It tells how long the\n"
	  "takeover took. Asks first, unless told --yes.",
	  OPTION_DRY_RUN | OPTION_YES, vm_test_failover },
	{ "stats", "", NULL, "say how much VMs log and how far their secondaries are",
	  "Of all VMs of this host. With --interval SECONDS again and again, with rates; as JSON\n"
	  "an array each time, on a line of its own.",
	  OPTION_INTERVAL, stats_show },
	{ "events", "", NULL, "print what happens to VMs and ftd, as JSON lines",
	  "Until it is interrupted. VMs that are started later are included.",
	  0, events_show },
	{ "log", "dump", "FILE", "print each entry of a recording's log", NULL, 0, run_log_dump },
	{ "log", "stat", "FILE", "say what a log is of, and what takes up its space", NULL, 0,
	  run_log_stat },
};

int complain(const char *format, ...)
{
	va_list args;

	fputs("ftadm: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\n", stderr);
	return -1;
}

int print_object(struct json_object *object)
{
	const char *line = object ? object_line(object) : NULL;

	if (line)
		puts(line);
	else
		complain("no memory");
	json_object_put(object);
	return line ? 0 : EXIT_ERROR;
}

void print_findings(const char *heading, const struct findings *findings)
{
	const struct finding *f = findings->list;

	for (; f < findings->list + findings->count; f++)
		printf("%-8s %s: %s%s%s\n", heading, f->name, f->text, *f->remedy ? ": " : "",
		       f->remedy);
}

static void print_help(void)
{
	size_t i;

	puts("usage: ftadm [OPTION...] OBJECT VERB [ARGUMENT]\n"
	     "\n"
	     "Protect VMs of kvm-ft, and look after recordings.\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];
		char words[64];

		snprintf(words, sizeof(words), "%s%s%s %s", c->object, *c->verb ? " " : "",
			 c->verb, c->argument ?: "");
		printf("  %-20s %s\n", words, c->text);
	}
	puts("\n"
	     "  -j, --json             print JSON\n"
	     "  -s, --secondary HOST   of vm protect: where to\n"
	     "      --verify           of vm protect: compare registers and RAM all the time\n"
	     "      --hash-interval N  of --verify: guest progress between two hashes of RAM\n"
	     "  -n, --dry-run          only say whether it can be done\n"
	     "  -y, --yes              of vm test-failover: do not ask\n"
	     "  -i, --interval SECONDS of stats: again and again, 1 to 86400\n"
	     "  -c, --config FILE      settings of ftd (" CONFIG_FILE ")\n"
	     "  -h, --help             this text, or behind OBJECT VERB more about that\n"
	     "  -V, --version\n"
	     "\n"
	     "Exit status: 0, 1 after an error or if something is refused, 2 if the command line\n"
	     "is wrong, 3 if a log is corrupt: damaged after it was complete. One that was cut off\n"
	     "is no error.");
}

static void print_usage(FILE *to, const struct command *c)
{
	static const char *const texts[] = { " --secondary HOST", " [--verify]",
					     " [--hash-interval N]", " [--dry-run]", " [--yes]",
					     " [--interval SECONDS]" };
	unsigned int i;

	fprintf(to, "usage: ftadm [-j] %s%s%s%s%s", c->object, *c->verb ? " " : "", c->verb,
		c->argument ? " " : "", c->argument ?: "");
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		fputs(c->options & 1u << i ? texts[i] : "", to);
	fputs("\n", to);
}

static int print_command_help(const struct command *c)
{
	print_usage(stdout, c);
	printf("\nTo %s.\n%s%s", c->text, c->help ?: "", c->help ? "\n" : "");
	return 0;
}

static const struct command *find(const char *object, const char *verb)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].object, object) &&
		    (!*commands[i].verb || !strcmp(commands[i].verb, verb)))
			return &commands[i];
	return NULL;
}

/* The words behind the verb, and the options, are those of the command? */
static bool fits(const struct command *c, int count, const struct arguments *a)
{
	if (count != (c->argument ? 1 : 0))
		return false;
	if ((c->options & OPTION_SECONDARY) != (a->options & OPTION_SECONDARY))
		return false;
	return !(a->options & ~c->options);
}

static int read_interval(unsigned int *seconds, const char *text)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !number || number > 86400)
		return complain("--interval is 1 to 86400 seconds, not '%s'", text);
	*seconds = number;
	return 0;
}

/* The VM's ftvmm knows the range. */
static int read_hash_interval(uint64_t *progress, const char *text)
{
	char *end;

	errno = 0;
	*progress = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || *progress > INT64_MAX)
		return complain("--hash-interval is a number, not '%s'", text);
	return 0;
}

/* ftd's settings; a host without them has what is the default. */
static int read_config(struct config *config, const char *path)
{
	struct findings findings = { .count = 0 };

	config_defaults(config);
	if (!path && access(CONFIG_FILE, F_OK))
		return 0;
	if (!config_read(config, path ?: CONFIG_FILE, &findings))
		return 0;
	return complain("%s%s%s", findings.list[0].text, *findings.list[0].remedy ? ": " : "",
			findings.list[0].remedy);
}

static int run(char **words, int count, struct arguments *a, const char *config, bool help)
{
	const struct command *command = count ? find(words[0], count > 1 ? words[1] : "") : NULL;
	int taken;

	if (!count || (!command && count < 2)) {
		complain("what is to be done? See ftadm --help");
		return EXIT_USAGE;
	}
	if (!command) {
		complain("there is no '%s %s': see ftadm --help", words[0], words[1]);
		return EXIT_USAGE;
	}
	if (help)
		return print_command_help(command);
	taken = *command->verb ? 2 : 1;
	if (!fits(command, count - taken, a)) {
		fputs("ftadm: ", stderr);
		print_usage(stderr, command);
		return EXIT_USAGE;
	}
	a->argument = command->argument ? words[taken] : NULL;
	/* Logs can be read wherever they are. */
	if (strcmp(command->object, "log") && read_config(&a->config, config))
		return EXIT_ERROR;
	return command->run(a);
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "secondary", required_argument, NULL, 's' },
		{ "verify", no_argument, NULL, OPT_VERIFY },
		{ "hash-interval", required_argument, NULL, OPT_HASH_INTERVAL },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "yes", no_argument, NULL, 'y' },
		{ "interval", required_argument, NULL, 'i' },
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	static struct arguments a;
	const char *config = NULL;
	bool help = false;
	int option, status;

	while ((option = getopt_long(argc, argv, "js:nyi:c:hV", table, NULL)) != -1) {
		switch (option) {
		case 'j':
			a.json = true;
			break;
		case 's':
			a.secondary = optarg;
			a.options |= OPTION_SECONDARY;
			break;
		case OPT_VERIFY:
			a.options |= OPTION_VERIFY;
			break;
		case OPT_HASH_INTERVAL:
			a.options |= OPTION_HASH_INTERVAL;
			if (read_hash_interval(&a.hash_interval, optarg))
				return EXIT_USAGE;
			break;
		case 'n':
			a.options |= OPTION_DRY_RUN;
			break;
		case 'y':
			a.options |= OPTION_YES;
			break;
		case 'i':
			a.options |= OPTION_INTERVAL;
			if (read_interval(&a.interval, optarg))
				return EXIT_USAGE;
			break;
		case 'c':
			config = optarg;
			break;
		case 'h':
			help = true;
			break;
		case 'V':
			puts("ftadm " VERSION);
			return 0;
		default:
			return EXIT_USAGE;	/* getopt has told what is wrong */
		}
	}
	if (help && optind == argc) {
		print_help();
		return 0;
	}
	status = run(argv + optind, argc - optind, &a, config, help);
	if (fflush(stdout) || ferror(stdout)) {
		complain("cannot write the output");
		return EXIT_ERROR;
	}
	return status;
}
