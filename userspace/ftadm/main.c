// SPDX-License-Identifier: GPL-2.0-only
/* ftadm, the administrator's command of kvm-ft. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ftadm.h"

#define VERSION		"0.1.0"
#define EXIT_USAGE	2
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const struct command commands[] = {
	{ "log", "dump", "FILE", "print each entry of a recording's log", log_dump },
	{ "log", "stat", "FILE", "say what a log is of, and what takes up its space", log_stat },
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

static void print_help(void)
{
	size_t i;

	puts("usage: ftadm [-j] OBJECT VERB ARGUMENT\n"
	     "\n"
	     "Look after recordings of kvm-ft.\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %s %s %-10s %s\n", commands[i].object, commands[i].verb,
		       commands[i].argument, commands[i].text);
	puts("\n"
	     "  -j, --json         print JSON\n"
	     "  -h, --help         this text\n"
	     "  -V, --version\n"
	     "\n"
	     "Exit status: 0, 1 after an error, 2 if the command line is wrong, 3 if a log is\n"
	     "corrupt: damaged after it was complete. One that was cut off is no error.");
}

static const struct command *find(const char *object, const char *verb)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].object, object) && !strcmp(commands[i].verb, verb))
			return &commands[i];
	return NULL;
}

static int run(char **words, int count, bool json)
{
	const struct command *command = count < 2 ? NULL : find(words[0], words[1]);

	if (count < 2) {
		complain("what is to be done? See ftadm --help");
		return EXIT_USAGE;
	}
	if (!command) {
		complain("there is no '%s %s': see ftadm --help", words[0], words[1]);
		return EXIT_USAGE;
	}
	if (count != 3) {
		complain("usage: ftadm [-j] %s %s %s", command->object, command->verb,
			 command->argument);
		return EXIT_USAGE;
	}
	return command->run(words[2], json);
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	bool json = false;
	int option, status;

	while ((option = getopt_long(argc, argv, "jhV", table, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'h':
			print_help();
			return 0;
		case 'V':
			puts("ftadm " VERSION);
			return 0;
		default:
			return EXIT_USAGE;	/* getopt has told what is wrong */
		}
	}
	status = run(argv + optind, argc - optind, json);
	if (fflush(stdout) || ferror(stdout)) {
		complain("cannot write the output");
		return EXIT_ERROR;
	}
	return status;
}
