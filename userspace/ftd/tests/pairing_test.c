// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two daemons on the loop-back interface, and stubs in the place of ftvmm: what is refused,
 * and that a connection gets from one VMM to the other.  Built with ASan and UBSan; prints
 * KTAP.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/tests/test.h"
#include "../daemon.h"
#include "../host.h"
#include "control_link.h"
#include "control_socket.h"
#include "object.h"

#define TIME_MS		60000	/* only reached if an answer never comes */
#define PAIR_MS		2000
#define DISK_SIZE	8192

static char folder[32] = "/tmp/ftd_test.XXXXXX";
static struct host hosts[2];		/* what the daemons say that they run on */
static struct daemon daemons[2];
static pid_t pids[2];
static struct vm vm;			/* of the first host */
static pid_t vmm;
static const char *behave;		/* of the second host's VMM */
static uint16_t port;
static unsigned int patience_ms;	/* with VMMs that start or end */
static unsigned int pair_ms;		/* with hosts, and what needs no work */
static bool verify;			/* is asked for */
static uint64_t hash_interval;		/* that is asked for; 0: none is */
static bool verify_all;			/* by the hosts' settings */

static char *path_of(const char *name)
{
	static char paths[8][256];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, 256, "%s/%s", folder, name);
	return path;
}

static void write_file(const char *path, const void *data, size_t size, mode_t mode)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(data, 1, size, file) != size || fchmod(fileno(file), mode) ||
	    fclose(file))
		abort();
}

/* Texts here are shorter than what they are put into. */
static void set(char *to, const char *text)
{
	memcpy(to, text, strlen(text) + 1);
}

/* A port that nobody listens at. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(address);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		abort();
	close(fd);
	return ntohs(address.sin_port);
}

static void describe_a(struct host *host)
{
	*host = hosts[0];
}

static void describe_b(struct host *host)
{
	*host = hosts[1];
}

/* Does it answer? */
static bool answers(const char *socket)
{
	struct json_object *status = control_ask(socket, control_request("status"), TIME_MS);
	bool ok = object_flag(status, "ok");

	json_object_put(status);
	return ok;
}

static void wait_for(const char *socket)
{
	int64_t deadline = deadline_in(TIME_MS);

	while (!answers(socket)) {
		if (!deadline_left(deadline))
			abort();
		poll(NULL, 0, 5);
	}
}

static void write_config(int i, const char *secret)
{
	char text[2048], name[16];
	int size;

	snprintf(name, sizeof(name), "%c.secret", 'a' + i);
	write_file(path_of(name), secret, strlen(secret), 0600);
	size = snprintf(text, sizeof(text),
			"# a comment\n"
			"interface = lo\naddress = 127.0.0.%d\nport = %d\nsecret = %s\n"
			"ftvmm = %s\nvm-sockets = %s/%c.vm\nsocket = %s/%c.sock\n"
			"logs = %s/%c.log\nftvmm-option = --behave %s\nverify = %s\n"
			"[hosts]\nb = 127.0.0.2\nhost-c = 127.0.0.3\n", i + 1, port,
			path_of(name), STUB, folder, 'a' + i, folder, 'a' + i, folder, 'a' + i,
			behave, verify_all ? "yes" : "no");
	snprintf(name, sizeof(name), "%c.conf", 'a' + i);
	write_file(path_of(name), text, size, 0600);
}

static void start_daemon(int i)
{
	struct findings findings = { .count = 0 };
	struct daemon *d = &daemons[i];
	char name[16];

	memset(d, 0, sizeof(*d));
	snprintf(name, sizeof(name), "%c.conf", 'a' + i);
	if (config_read(&d->config, path_of(name), &findings)) {
		printf("# %s\n", findings.list[0].text);
		abort();
	}
	d->pairing = (struct pairing){ .describe = i ? describe_b : describe_a,
				       .pair_ms = pair_ms, .ready_ms = patience_ms,
				       .end_ms = patience_ms };
	pids[i] = fork();
	if (!pids[i]) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (daemon_open(d, &findings))
			printf("# %s\n", findings.count ? findings.list[0].text : "");
		else
			daemon_run(d);
		daemon_close(d);
		_exit(0);
	}
	wait_for(d->config.socket);
}

static void stop_daemon(int i, int signal)
{
	int status;

	kill(pids[i], signal);
	waitpid(pids[i], &status, 0);
	if (signal == SIGTERM)
		EXPECT(WIFEXITED(status) && !WEXITSTATUS(status));
}

static const char secret[] = "ahgh6eiSoo8aPhaish4ieng4zieW1oon\n";

static void start_daemons(const char *secret_of_b)
{
	port = free_port();
	write_config(0, secret);
	write_config(1, secret_of_b);
	start_daemon(0);
	start_daemon(1);
}

static pid_t start_stub(const char *role, const char *socket, const char *its_behave)
{
	struct json_object *state = vm_save(&vm);
	char *const arguments[] = {
		STUB, "--state", path_of("state"), "--control", (char *)socket, "--behave",
		(char *)its_behave, NULL
	};
	int64_t deadline = deadline_in(TIME_MS);
	pid_t pid;
	int fd;

	object_add_text(state, "role", role);
	write_file(path_of("state"), object_line(state), strlen(object_line(state)), 0600);
	json_object_put(state);
	if (posix_spawn(&pid, STUB, NULL, NULL, arguments, environ))
		abort();
	while ((fd = control_connect(socket)) < 0) {
		if (!deadline_left(deadline))
			abort();
		poll(NULL, 0, 5);
	}
	close(fd);
	return pid;
}

static void start_vm(const char *its_behave)
{
	vmm = start_stub("none", path_of("a.vm/guest.sock"), its_behave);
}

/* The same host twice, but for what must differ; a VM that both can have. */
static void set_up(void)
{
	static const char image[DISK_SIZE];
	int i;

	for (i = 0; i < 2; i++)
		hosts[i] = (struct host){
			.kernel = "6.12.1-amd64", .module = "0123456789ABCDEF", .api = "1",
			.transport = "FEDCBA9876543210", .log_interface = "lo",
			.paging = "strict", .cpu = "vendor_id AuthenticAMD, model 1",
			.features = "fpu vme sse", .memory = UINT64_C(1) << 30,
		};
	set(hosts[0].name, "a");
	set(hosts[1].name, "b");
	set(hosts[0].boot, "boot-of-a");
	set(hosts[1].boot, "boot-of-b");
	write_file(path_of("disk"), image, sizeof(image), 0600);
	vm = (struct vm){ .name = "guest", .id = "00112233445566778899aabbccddeeff",
			  .generation = 4, .memory = 64 << 20, .disks = 1, .nets = 1 };
	set(vm.disk[0].path, path_of("disk"));
	vm.disk[0].size = DISK_SIZE;
	vm.disk[0].shared = true;
	set(vm.net[0].tap, "lo");
	behave = "well";
	patience_ms = TIME_MS;
	pair_ms = TIME_MS;
	verify = false;
	hash_interval = 0;
	verify_all = false;
	vmm = 0;
}

static void quit(const char *socket)
{
	json_object_put(control_ask(socket, control_request("quit"), TIME_MS));
}

static void end_vm(void)
{
	if (!vmm)
		return;
	quit(path_of("a.vm/guest.sock"));
	waitpid(vmm, NULL, 0);
	vmm = 0;
}

static void tear_down(void)
{
	quit(path_of("b.vm/guest.sock"));
	end_vm();
	stop_daemon(0, SIGTERM);
	stop_daemon(1, SIGTERM);
}

/* Ask the first host's daemon; events that come before the reply are counted, and copied. */
static int events;
static char event[256];

static struct json_object *ask_first(struct json_object *request)
{
	static struct control_link link;
	struct json_object *reply;

	if (control_link_open(&link, daemons[0].config.socket) ||
	    control_link_send(&link, control_request("events"), -1))
		abort();
	json_object_put(control_link_next(&link, deadline_in(TIME_MS)));
	EXPECT(!control_link_send(&link, request, -1));
	events = 0;
	while ((reply = control_link_next(&link, deadline_in(TIME_MS))) &&
	       object_text(reply, "event")) {
		events++;
		snprintf(event, sizeof(event), "%s", object_line(reply));
		json_object_put(reply);
	}
	control_link_close(&link);
	return reply;
}

static struct json_object *new_request(const char *command, const char *name, const char *host)
{
	struct json_object *request = control_request(command);

	object_add_text(request, "vm", name);
	object_add_text(request, "host", host);
	return request;
}

static struct json_object *ask_protect(const char *name, const char *host, bool dry_run)
{
	struct json_object *request = new_request("protect", name, host);

	if (verify)
		object_add_flag(request, "verify", true);
	if (hash_interval)
		object_add_number(request, "hash_interval", hash_interval);
	object_add_flag(request, "dry_run", dry_run);
	return ask_first(request);
}

/* Is a protection refused for these reasons, separated by spaces, and with a text each? */
static bool refused_for(const char *name, const char *host, bool dry_run, const char *reasons)
{
	struct json_object *reply = ask_protect(name, host, dry_run);
	struct json_object *list = object_list(reply, "refused");
	size_t i, count = list ? json_object_array_length(list) : 0;
	char all[1024] = "";
	bool same;

	for (i = 0; i < count; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? " " : "",
			 object_text(one, "name") ?: "");
		EXPECT(object_text(one, "text") && *object_text(one, "text"));
		EXPECT(object_text(one, "remedy"));
	}
	same = !object_flag(reply, "ok") && object_text(reply, "error") && !strcmp(all, reasons);
	if (!same)
		printf("# %s\n", json_object_to_json_string(reply));
	json_object_put(reply);
	return same;
}

static bool refused(const char *reasons)
{
	return refused_for("guest", "b", true, reasons);
}

static bool fits(void)
{
	struct json_object *reply = ask_protect("guest", "b", true);
	bool ok = object_flag(reply, "ok");

	if (!ok)
		printf("# %s\n", json_object_to_json_string(reply));
	json_object_put(reply);
	return ok;
}

static bool protects(void)
{
	struct json_object *reply = ask_protect("guest", "b", false);
	const char *echo = object_text(reply, "echo");
	uint64_t generation = 0, pause = 0;
	bool ok = object_flag(reply, "ok") && echo && !strcmp(echo, "n") &&
		  object_number(reply, "generation", &generation) && generation == 5 &&
		  object_number(reply, "pause_ms", &pause) && pause == 7;

	if (!ok)
		printf("# %s\n", json_object_to_json_string(reply));
	json_object_put(reply);
	return ok;
}

static const char *word(struct json_object *list, size_t i)
{
	return json_object_get_string(json_object_array_get_idx(list, i)) ?: "";
}

static void hands_the_connection_over(void)
{
	static const char *const expected[] = {
		"--secondary", "3", "--control", "", "--name", "guest", "--disk", "", "--net",
		"tap=lo", "--behave", "well",
	};
	struct json_object *status, *words;
	size_t i;

	start_daemons(secret);
	start_vm("well");
	EXPECT(protects());
	EXPECT(events == 1);
	EXPECT(strstr(event, "\"event\":\"protect_progress\",\"snapshot_bytes\":1000,"));
	EXPECT(strstr(event, "\"memory_done\":2000,\"memory\":8000,\"vm\":\"guest\"}"));
	status = control_ask(path_of("b.vm/guest.sock"), control_request("status"), TIME_MS);
	words = object_list(status, "arguments");
	EXPECT(words && json_object_array_length(words) == ARRAY_SIZE(expected));
	for (i = 0; words && i < ARRAY_SIZE(expected); i++)
		EXPECT(!*expected[i] || !strcmp(expected[i], word(words, i)));
	json_object_put(status);
}

/* The VMM of a protected VM was told to be verified, and the reply says so. */
static bool verifies(void)
{
	struct json_object *reply;
	uint64_t interval = 1;
	bool told, said;

	start_daemons(secret);
	start_vm("well");
	reply = ask_protect("guest", "b", false);
	EXPECT(object_flag(reply, "ok"));
	told = object_flag(reply, "verified");
	said = object_flag(reply, "verify");
	EXPECT(told == said);
	EXPECT(object_number(reply, "interval", &interval) && interval == hash_interval);
	json_object_put(reply);
	return told;
}

static void verifies_if_told_so(void)
{
	EXPECT(!verifies());
	tear_down();
	verify = true;
	EXPECT(verifies());
	tear_down();
	hash_interval = 123456789012;
	EXPECT(verifies());
	tear_down();
	hash_interval = 0;
	verify = false;
	verify_all = true;
	EXPECT(verifies());
}

static void only_looks_if_told_so(void)
{
	start_daemons(secret);
	start_vm("well");
	EXPECT(fits());
	EXPECT(access(path_of("b.vm/guest.sock"), F_OK));
	EXPECT(protects());
}

/* The first byte of the field is another one, or there is none. */
static bool differs(char *field, const char *reason)
{
	char kept[4096];
	bool as_expected;

	snprintf(kept, sizeof(kept), "%s", field);
	field[0] = 'X';
	start_daemons(secret);
	start_vm("well");
	as_expected = refused(reason);
	tear_down();
	field[0] = '\0';
	start_daemons(secret);
	start_vm("well");
	as_expected = refused(reason) && as_expected;
	tear_down();
	set(field, kept);
	return as_expected;
}

static void names_what_differs(void)
{
	EXPECT(differs(hosts[1].kernel, "KERNEL"));
	EXPECT(differs(hosts[0].module, "MODULE_BUILD"));
	EXPECT(differs(hosts[0].transport, "MODULE_BUILD"));
	EXPECT(differs(hosts[0].log_interface, "LOG_INTERFACE"));
	EXPECT(differs(hosts[1].log_interface, "LOG_INTERFACE"));
	EXPECT(differs(hosts[1].api, "MODULE_VERSION"));
	EXPECT(differs(hosts[1].paging, "PAGING"));
	EXPECT(differs(hosts[0].cpu, "CPU_MODEL"));
	EXPECT(differs(hosts[1].features, "CPU_FEATURES"));
	start_daemons(secret);
	start_vm("well");
	EXPECT(fits());
}

static void names_all_that_is_in_the_way(void)
{
	static const char all[] =
		"SAME_HOST CPU_FEATURES MEMORY LOG_INTERFACE DISK_NOT_SHARED DISK_SIZE DISK TAP";

	set(hosts[1].boot, hosts[0].boot);
	set(hosts[1].features, "fpu vme avx");
	set(hosts[1].log_interface, "eth9");
	hosts[1].memory = 100 << 20;
	set(vm.net[0].tap, "no-such-tap");
	vm.disk[0].shared = false;
	vm.disk[0].size = 1;
	vm.disk[1] = vm.disk[0];
	vm.disk[1].shared = true;
	set(vm.disk[1].path, path_of("no-such-disk"));
	vm.disks = 2;
	start_daemons(secret);
	start_vm("well");
	EXPECT(refused(all));
	EXPECT(!events);
}

static void refuses_a_name_that_is_taken(void)
{
	start_daemons(secret);
	start_vm("well");
	EXPECT(protects());
	EXPECT(refused("VM_EXISTS"));
}

/* What of a VM runs on the second host keeps the first one's from being protected? */
static const char *refused_with(const char *role, const char *its_behave)
{
	pid_t left = start_stub(role, path_of("b.vm/guest.sock"), its_behave);
	struct json_object *reply = ask_protect("guest", "b", false);
	static char names[64];

	snprintf(names, sizeof(names), "%s",
		 object_flag(reply, "ok") ? "" :
		 object_text(json_object_array_get_idx(object_list(reply, "refused"), 0), "name"));
	json_object_put(reply);
	quit(path_of("b.vm/guest.sock"));	/* this one, or its successor */
	waitpid(left, NULL, 0);
	return names;
}

/* The secondary of the last protection, generation 4, ends by itself; so does a loser. */
static void waits_for_what_is_left(void)
{
	start_daemons(secret);
	start_vm("well");
	EXPECT(!strcmp(refused_with("secondary", "leave"), ""));
	EXPECT(!strcmp(refused_with("ended", "leave"), ""));
	EXPECT(!strcmp(refused_with("primary", "vanish"), ""));
}

static void does_not_wait_for_ever_for_it(void)
{
	patience_ms = PAIR_MS;
	start_daemons(secret);
	start_vm("well");
	EXPECT(!strcmp(refused_with("secondary", "well"), "VM_ENDS"));
}

/* What will not end by itself is not waited for. */
static void knows_what_is_left(void)
{
	struct vm own = vm;

	start_daemons(secret);
	start_vm("well");
	EXPECT(!strcmp(refused_with("unprotected", "well"), "VM_EXISTS"));
	vm.generation = own.generation + 1;
	EXPECT(!strcmp(refused_with("secondary", "well"), "VM_EXISTS"));
	vm.generation = own.generation;
	vm.id[0] = 'f';
	EXPECT(!strcmp(refused_with("secondary", "well"), "VM_EXISTS"));
	vm.id[0] = '\0';
	EXPECT(!strcmp(refused_with("secondary", "well"), "VM_EXISTS"));
}

static void knows_its_own_vms_only(void)
{
	start_daemons(secret);
	start_vm("well");
	EXPECT(refused_for("other", "b", false, "NO_VM"));
	EXPECT(refused_for("../a.vm/guest", "b", false, "NO_VM"));
	EXPECT(refused_for("guest", "nowhere", false, "NO_HOST"));
	EXPECT(refused_for("guest", "host-c", false, "CONNECT"));
	end_vm();
	EXPECT(refused("NO_VM"));
	start_vm("old");
	EXPECT(refused("VMM"));
}

static void refuses_another_secret(void)
{
	start_daemons("another secret, which is as long as it has to be\n");
	start_vm("well");
	EXPECT(refused("SECRET"));
	EXPECT(refused_for("guest", "b", false, "SECRET"));
	EXPECT(access(path_of("b.vm/guest.sock"), F_OK));
	EXPECT(answers(daemons[1].config.socket));
}

static void says_why_a_secondary_has_ended(void)
{
	struct json_object *reply;
	const char *error;

	behave = "end";
	start_daemons(secret);
	start_vm("well");
	reply = ask_protect("guest", "b", false);
	error = object_text(reply, "error");
	EXPECT(!object_flag(reply, "ok") && error && strstr(error, "this host has no KVM") &&
	       strstr(error, "exit status 3"));
	json_object_put(reply);
}

static void does_not_wait_for_ever(void)
{
	behave = "hang";
	patience_ms = PAIR_MS;
	start_daemons(secret);
	start_vm("well");
	EXPECT(refused_for("guest", "b", false, "SECONDARY_SLOW"));
}

/* A daemon that is killed leaves the secondary alone, and can be started again. */
static void is_not_needed_afterwards(void)
{
	start_daemons(secret);
	start_vm("well");
	EXPECT(protects());
	stop_daemon(0, SIGKILL);
	stop_daemon(1, SIGKILL);
	EXPECT(answers(path_of("a.vm/guest.sock")));
	EXPECT(answers(path_of("b.vm/guest.sock")));
	start_daemon(0);
	start_daemon(1);
	EXPECT(refused("VM_EXISTS"));
	quit(path_of("b.vm/guest.sock"));
	EXPECT(protects());
}

static int connect_as_stranger(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, "127.0.0.2", &address.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		abort();
	return fd;
}

/* The other side hangs up, having said nothing. */
static bool is_hung_up_on(int fd)
{
	struct pollfd end = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&end, 1, TIME_MS) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

static void bears_strangers(void)
{
	static const char noise[] = "GET / HTTP/1.1\r\nHost: b\r\n\r\n";
	int fds[STRANGERS_MAX + 1], i;
	int64_t deadline;
	bool ended;

	pair_ms = PAIR_MS;
	start_daemons(secret);
	start_vm("well");
	fds[0] = connect_as_stranger();
	EXPECT(send(fds[0], noise, strlen(noise), MSG_NOSIGNAL) > 0 && is_hung_up_on(fds[0]));
	close(fds[0]);
	for (i = 0; i <= STRANGERS_MAX; i++)
		fds[i] = connect_as_stranger();
	/* One too many; the others are hung up on when their time is over. */
	EXPECT(is_hung_up_on(fds[STRANGERS_MAX]));
	for (i = 0; i <= STRANGERS_MAX; i++) {
		EXPECT(is_hung_up_on(fds[i]));
		close(fds[i]);
	}
	/* The daemon may not have noticed yet that their processes have ended. */
	deadline = deadline_in(TIME_MS);
	while (!(ended = fits()) && deadline_left(deadline))
		poll(NULL, 0, 5);
	EXPECT(ended);
}

/* What is said of a VM on the second host: its role, or the name of a reason. */
static const char *look(const char *name, const char *host)
{
	struct json_object *reply = ask_first(new_request("look", name, host));
	struct json_object *status = object_object(reply, "status");
	struct json_object *refused = object_list(reply, "refused");
	static char said[64];

	EXPECT(object_flag(reply, "ok") == !!status);
	snprintf(said, sizeof(said), "%s", object_text(status, "role") ?:
		 object_text(refused ? json_object_array_get_idx(refused, 0) : NULL, "name") ?: "");
	json_object_put(reply);
	return said;
}

static void looks_at_vms_of_the_other_host(void)
{
	pid_t other;

	start_daemons(secret);
	EXPECT(!strcmp(look("guest", "b"), "NO_VM"));
	other = start_stub("secondary", path_of("b.vm/guest.sock"), "well");
	EXPECT(!strcmp(look("guest", "b"), "secondary"));
	EXPECT(!strcmp(look("../b.vm/guest", "b"), "REQUEST"));
	EXPECT(!strcmp(look("guest", "host-c"), "CONNECT"));
	quit(path_of("b.vm/guest.sock"));
	waitpid(other, NULL, 0);
	EXPECT(!strcmp(look("guest", "b"), "NO_VM"));
	other = start_stub("secondary", path_of("b.vm/guest.sock"), "vanish");
	EXPECT(!strcmp(look("guest", "b"), "VMM"));
	waitpid(other, NULL, 0);
	stop_daemon(1, SIGTERM);
	write_config(1, "another secret, which is as long as it has to be\n");
	start_daemon(1);
	EXPECT(!strcmp(look("guest", "b"), "SECRET"));
}

static void tells_what_it_knows(void)
{
	struct json_object *reply, *list;

	start_daemons(secret);
	reply = control_ask(daemons[0].config.socket, control_request("hosts"), TIME_MS);
	list = object_list(reply, "hosts");
	EXPECT(list && json_object_array_length(list) == 2);
	EXPECT(!strcmp(object_text(json_object_array_get_idx(list, 1), "name") ?: "", "host-c"));
	json_object_put(reply);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
	(void)info;
	(void)type;
	(void)where;
	return remove(path);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(hands_the_connection_over), TEST(verifies_if_told_so),
		TEST(only_looks_if_told_so),
		TEST(names_what_differs), TEST(names_all_that_is_in_the_way),
		TEST(refuses_a_name_that_is_taken), TEST(waits_for_what_is_left),
		TEST(does_not_wait_for_ever_for_it),
		TEST(knows_what_is_left), TEST(knows_its_own_vms_only),
		TEST(refuses_another_secret), TEST(says_why_a_secondary_has_ended),
		TEST(does_not_wait_for_ever), TEST(is_not_needed_afterwards),
		TEST(bears_strangers), TEST(looks_at_vms_of_the_other_host),
		TEST(tells_what_it_knows),
	};
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(folder))
		return 1;
	status = run_tests("pairing", tests, ARRAY_SIZE(tests), argc, argv);
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return status;
}
