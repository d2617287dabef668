// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control_link.h"
#include "object.h"
#include "secondary.h"

#define CONNECTION	3	/* the descriptor that ftvmm inherits */
#define ARGUMENTS	64
#define TEXT		16384
#define LOOK_MS		20	/* between two looks for its control socket */

/**
 * struct command_line - of ftvmm
 * @argument: they, and NULL
 * @count: how many
 * @text: where they are
 * @used: bytes of it
 */
struct command_line {
	char *argument[ARGUMENTS + 1];
	unsigned int count;
	char text[TEXT];
	size_t used;
};

/* There is room: the sizes of all that can be added are known. */
__attribute__((format(printf, 2, 3)))
static void add(struct command_line *line, const char *format, ...)
{
	char *at = line->text + line->used;
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(at, TEXT - line->used, format, arguments);
	va_end(arguments);
	if (line->count == ARGUMENTS || line->used + size >= TEXT)
		return;
	line->argument[line->count++] = at;
	line->used += size + 1;
}

/* An option, and its value if it is set behind a space. */
static void add_option(struct command_line *line, const char *option)
{
	size_t name = strcspn(option, " ");

	add(line, "%.*s", (int)name, option);
	if (option[name])
		add(line, "%s", option + name + strspn(option + name, " "));
}

static void make_command_line(struct command_line *line, const struct config *config,
			      const struct vm *vm, const char *socket)
{
	unsigned int i;

	add(line, "%s", config->ftvmm);
	add(line, "--secondary");
	add(line, "%d", CONNECTION);
	add(line, "--control");
	add(line, "%s", socket);
	add(line, "--name");
	add(line, "%s", vm->name);
	for (i = 0; i < vm->disks; i++) {
		add(line, "--disk");
		add(line, "%s%s%s", vm->disk[i].path, vm->disk[i].shared ? ",shared" : "",
		    vm->disk[i].read_only ? ",ro" : "");
	}
	for (i = 0; i < vm->nets; i++) {
		add(line, "--net");
		add(line, "tap=%s", vm->net[i].tap);
	}
	for (i = 0; i < config->options_count; i++)
		add_option(line, config->options[i]);
}

/* Messages go to a file: there will be nobody to read them from a pipe. */
static int spawn(pid_t *pid, char *const *arguments, int fd, const char *log)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none;
	int err;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&how);
	err = posix_spawn_file_actions_adddup2(&files, fd, CONNECTION) ?:
	      posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) ?:
	      posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND,
					       0600) ?:
	      posix_spawn_file_actions_adddup2(&files, 1, 2) ?:
	      posix_spawnattr_setsigmask(&how, &none) ?:
	      posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK) ?:
	      posix_spawn(pid, arguments[0], &files, &how, arguments, environ);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return err;
}

/* What it has said last. */
static void last_line(const char *log, char *text, size_t size)
{
	FILE *file = fopen(log, "re");
	char line[512];

	snprintf(text, size, "it has said nothing");
	while (file && fgets(line, sizeof(line), file))
		snprintf(text, size, "%.*s", (int)strcspn(line, "\r\n"), line);
	if (file)
		fclose(file);
}

static int tell_death(int status, const char *log, struct findings *findings)
{
	char text[256];

	last_line(log, text, sizeof(text));
	return findings_add(findings, "SECONDARY_ENDED", "see its messages on that host",
			    "the secondary's ftvmm has ended at once (%s %d): %s",
			    WIFSIGNALED(status) ? "signal" : "exit status",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), text);
}

/* Does it answer?  If another program has that socket, it is about to say so and end. */
static bool is_ready(pid_t pid, const char *socket, int64_t deadline)
{
	struct json_object *status = control_ask(socket, control_request("status"),
						 deadline_left(deadline));
	uint64_t answers = 0;
	bool ok = object_flag(status, "ok") && object_number(status, "pid", &answers);

	json_object_put(status);
	return ok && answers == (uint64_t)pid;
}

/* Return: 0, or -1 with the reason told; the process has ended then. */
static int wait_until_ready(pid_t pid, const char *socket, const char *log, unsigned int ms,
			    struct findings *findings)
{
	int64_t deadline = deadline_in(ms);
	int status;

	while (deadline_left(deadline)) {
		if (is_ready(pid, socket, deadline))
			return 0;
		if (waitpid(pid, &status, WNOHANG) == pid)
			return tell_death(status, log, findings);
		poll(NULL, 0, LOOK_MS);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return findings_add(findings, "SECONDARY_SLOW", "see its messages on that host",
			    "the secondary's ftvmm was not ready within %u s: messages in %s",
			    ms / 1000, log);
}

pid_t secondary_start(const struct config *config, const struct vm *vm, int fd,
		      unsigned int ms, struct findings *findings)
{
	static struct command_line line;
	char socket[VM_PATH], log[CONFIG_WORD + VM_NAME + 8];
	pid_t pid;
	int err;

	vm_socket(socket, sizeof(socket), config, vm->name);
	snprintf(log, sizeof(log), "%s/%s.log", config->logs, vm->name);
	make_command_line(&line, config, vm, socket);
	err = spawn(&pid, line.argument, fd, log);
	if (err)
		return findings_add(findings, "FTVMM",
				    "set ftvmm and logs in ftd.conf of the secondary's host",
				    "cannot start %s with messages to %s: %s", config->ftvmm, log,
				    strerror(err));
	return wait_until_ready(pid, socket, log, ms, findings) ? -1 : pid;
}
