// SPDX-License-Identifier: GPL-2.0-only
/*
 * Authentication against an honest other side, and against hostile ones.  One side runs in
 * a thread, the test is the other.  Built with ASan and UBSan; prints KTAP.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/tests/test.h"
#include "../channel.h"
#include "object.h"

#define TIME_MS		60000	/* only reached if an answer never comes */
#define SILENCE_MS	100
#define NOISE_ROUNDS	3000

static const struct secret shared = { .bytes = "0123456789abcdef0123456789abcdef", .size = 32 };
static const struct secret another = { .bytes = "0123456789abcdef0123456789abcdeg", .size = 32 };

/* A side that is not the test's own. */
struct side {
	pthread_t thread;
	struct channel channel;
	int fd;
	enum auth_role role;
	const struct secret *secret;
	unsigned int ms;
	int result;
};

static struct side side;	/* the one that is tested */
static struct lines own;	/* the test's end, if it speaks for itself */
static struct channel channel;	/* or if it is an honest side */

static void set_up(void)
{
	own.fd = -1;
	side.fd = -1;
}

static void tear_down(void)
{
	if (own.fd >= 0)
		close(own.fd);
	if (side.fd >= 0)
		close(side.fd);
}

static void *run(void *data)
{
	struct side *s = data;

	s->result = channel_pair(&s->channel, s->fd, s->role, s->secret, s->ms);
	return NULL;
}

static void begin(enum auth_role role, unsigned int ms)
{
	int ends[2];

	tear_down();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		abort();
	own = (struct lines){ .fd = ends[0], .limit = LINES_SIZE };
	side.fd = ends[1];
	side.role = role;
	side.secret = &shared;
	side.ms = ms;
	if (pthread_create(&side.thread, NULL, run, &side))
		abort();
}

/* Has it failed for this reason, and that one alone? */
static bool refused(const char *name)
{
	const struct findings *f = &side.channel.findings;

	pthread_join(side.thread, NULL);
	if (side.result && f->count == 1 && !strcmp(f->list[0].name, name) && *f->list[0].text)
		return true;
	printf("# %d: %u findings, the first: %s: %s\n", side.result, f->count,
	       f->count ? f->list[0].name : "none", f->count ? f->list[0].text : "");
	return false;
}

static void say(const char *text)
{
	EXPECT(!lines_send(own.fd, text, deadline_in(TIME_MS)));
}

static void say_bytes(const void *bytes, size_t size)
{
	/* The other side may have hung up in the middle of it. */
	if (send(own.fd, bytes, size, MSG_NOSIGNAL) < 0)
		EXPECT(errno == EPIPE);
}

static char *hear(void)
{
	return lines_next(&own, deadline_in(TIME_MS));
}

/* A greeting of the role that is expected, but for what is given. */
static void say_hello(const char *protocol, int version, const char *role, const char *nonce)
{
	char line[512];

	snprintf(line, sizeof(line),
		 "{\"protocol\":\"%s\",\"version\":%d,\"role\":\"%s\",\"nonce\":\"%s\"}", protocol,
		 version, role, nonce);
	say(line);
}

#define PAIRING		"\"protocol\":\"kvm-ft pairing\""
#define INITIATOR	"\"version\":1,\"role\":\"initiator\""
#define NONCE		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NO_NONCE	"zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* Both honest; the test's end is @channel. */
static int pair(enum auth_role role, const struct secret *secret)
{
	begin(role, TIME_MS);
	return channel_pair(&channel, own.fd, role == AUTH_INITIATOR ? AUTH_RESPONDER :
			    AUTH_INITIATOR, secret, TIME_MS);
}

static struct json_object *new_object(const char *text)
{
	struct json_object *object = json_object_new_object();

	object_add_text(object, "text", text);
	return object;
}

static bool hears(struct channel *c, const char *text)
{
	struct json_object *object = channel_receive(c, TIME_MS);
	const char *heard = object_text(object, "text");
	bool same = heard && !strcmp(heard, text);

	json_object_put(object);
	return same;
}

static void both_prove_the_secret(void)
{
	int role;

	for (role = AUTH_INITIATOR; role <= AUTH_RESPONDER; role++) {
		EXPECT(!pair(role, &shared));
		pthread_join(side.thread, NULL);
		EXPECT(!side.result && !side.channel.findings.count);
		EXPECT(!channel_send(&channel, new_object("there")) &&
		       hears(&side.channel, "there"));
		EXPECT(!channel_send(&side.channel, new_object("back")) && hears(&channel, "back"));
		EXPECT(!channel_send(&channel, new_object("again")) &&
		       hears(&side.channel, "again"));
	}
}

/* The responder finds it out, and says so to the initiator. */
static void refuses_another_secret(void)
{
	EXPECT(pair(AUTH_RESPONDER, &another));
	EXPECT(refused("SECRET"));
	EXPECT(!strcmp(channel.findings.list[0].name, "SECRET"));
	EXPECT(pair(AUTH_INITIATOR, &another));
	EXPECT(refused("SECRET"));
	EXPECT(!strcmp(channel.findings.list[0].name, "SECRET"));
}

/* Who only knows the port gets no MAC to guess the secret from. */
static void proves_nothing_to_strangers(void)
{
	char *line;

	begin(AUTH_RESPONDER, TIME_MS);
	say_hello("kvm-ft pairing", 1, "initiator", NONCE);
	line = hear();
	EXPECT(line && strstr(line, "nonce") && !strstr(line, "proof"));
	say("{\"proof\":\"" NONCE "\"}");
	line = hear();
	EXPECT(line && !strstr(line, "proof"));
	EXPECT(refused("SECRET"));
}

static void refuses_its_own_nonce(void)
{
	struct json_object *hello;
	char *line;

	begin(AUTH_INITIATOR, TIME_MS);
	line = hear();
	hello = line ? json_tokener_parse(line) : NULL;
	say_hello("kvm-ft pairing", 1, "responder", object_text(hello, "nonce") ?: "");
	json_object_put(hello);
	EXPECT(refused("REFLECTED"));
}

static void refuses_its_own_role(void)
{
	char *line;

	begin(AUTH_INITIATOR, TIME_MS);
	line = hear();
	say(line ?: "");
	EXPECT(refused("ROLE"));
	begin(AUTH_RESPONDER, TIME_MS);
	say_hello("kvm-ft pairing", 1, "responder", NONCE);
	EXPECT(refused("ROLE"));
}

/* What was right in one connection is wrong in the next. */
static void refuses_an_old_proof(void)
{
	struct auth old;
	struct findings none = { .count = 0 };
	struct json_object *hello, *proof;
	char *line;

	EXPECT(!auth_begin(&old, AUTH_INITIATOR, &shared, &none));
	begin(AUTH_RESPONDER, TIME_MS);
	hello = auth_hello(&old);
	say(object_line(hello));
	line = hear();
	EXPECT(line && !auth_take_hello(&old, line, &none));
	proof = auth_proof(&old);
	say(object_line(proof));
	pthread_join(side.thread, NULL);
	EXPECT(!side.result);
	begin(AUTH_RESPONDER, TIME_MS);
	say(object_line(hello));
	EXPECT(hear());
	say(object_line(proof));
	EXPECT(refused("SECRET"));
	json_object_put(hello);
	json_object_put(proof);
}

/* The responder's proof is not one of the initiator. */
static void refuses_a_proof_of_the_wrong_role(void)
{
	struct findings none = { .count = 0 };
	struct json_object *proof;
	struct auth thief;
	char *line;

	EXPECT(!auth_begin(&thief, AUTH_RESPONDER, &shared, &none));
	begin(AUTH_RESPONDER, TIME_MS);
	memset(thief.nonce[AUTH_INITIATOR], 0x55, AUTH_BYTES);
	say_hello("kvm-ft pairing", 1, "initiator",
		  "5555555555555555555555555555555555555555555555555555555555555555");
	line = hear();
	thief.own = AUTH_INITIATOR;
	EXPECT(line && !auth_take_hello(&thief, line, &none));
	thief.own = AUTH_RESPONDER;
	proof = auth_proof(&thief);
	say(object_line(proof));
	json_object_put(proof);
	EXPECT(refused("SECRET"));
}

static void refuses_another_version(void)
{
	begin(AUTH_RESPONDER, TIME_MS);
	say_hello("kvm-ft pairing", 2, "initiator", NONCE);
	EXPECT(refused("PROTOCOL_VERSION"));
}

static void refuses_garbage(void)
{
	static const char *const bad[] = {
		"", "x", "GET / HTTP/1.1", "{}", "[]", "null", "1", "{\"protocol\":1}",
		"{\"protocol\":\"kvm-ft pairing\"}",
		"{\"protocol\":\"kvm-ft pairing\",\"version\":\"1\"}",
		"{\"protocol\":\"other\"," INITIATOR ",\"nonce\":\"" NONCE "\"}",
		"{" PAIRING "," INITIATOR "}",
		"{" PAIRING "," INITIATOR ",\"nonce\":\"\"}",
		"{" PAIRING "," INITIATOR ",\"nonce\":\"" NONCE "00\"}",
		"{" PAIRING "," INITIATOR ",\"nonce\":\"" NO_NONCE "\"}",
		"{" PAIRING "," INITIATOR ",\"nonce\":\"" NONCE "\"} x",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		begin(AUTH_RESPONDER, TIME_MS);
		say(bad[i]);
		EXPECT(refused("NOT_FTD"));
	}
	begin(AUTH_RESPONDER, TIME_MS);
	say_bytes("{\"protocol\":\0}\n", 15);
	EXPECT(refused("NOT_FTD"));
}

static void refuses_a_long_line(void)
{
	char line[CHANNEL_STRANGER + 1];

	memset(line, '{', sizeof(line));
	begin(AUTH_RESPONDER, TIME_MS);
	say_bytes(line, sizeof(line));
	EXPECT(refused("LINE_TOO_LONG"));
}

static void refuses_silence(void)
{
	begin(AUTH_RESPONDER, SILENCE_MS);
	EXPECT(refused("SILENT"));
	begin(AUTH_INITIATOR, SILENCE_MS);
	EXPECT(hear());
	EXPECT(refused("SILENT"));
	/* The time is for all of it: a byte now and then does not prolong it. */
	begin(AUTH_RESPONDER, SILENCE_MS);
	say_bytes("{", 1);
	EXPECT(refused("SILENT"));
}

static void refuses_who_hangs_up(void)
{
	begin(AUTH_RESPONDER, TIME_MS);
	close(own.fd);
	own.fd = -1;
	EXPECT(refused("HUNG_UP"));
}

static void refuses_what_comes_out_of_turn(void)
{
	begin(AUTH_RESPONDER, TIME_MS);
	say_bytes("{\"protocol\":\"kvm-ft pairing\"}\n{}\n", 34);
	EXPECT(refused("OUT_OF_TURN"));
}

/* A line of an honest side that was seen on the way. */
static char *sealed(const char *text)
{
	struct json_object *object = new_object(text);
	char *line = auth_seal(&channel.auth, object);

	json_object_put(object);
	return line;
}

static bool receives_nothing(const char *name)
{
	struct json_object *object = channel_receive(&side.channel, TIME_MS);
	const struct findings *f = &side.channel.findings;
	bool as_expected = !object && f->count == 1 && !strcmp(f->list[0].name, name);

	if (!as_expected)
		printf("# %s\n", f->count ? f->list[0].name : "no finding");
	json_object_put(object);
	side.channel.findings.count = 0;
	return as_expected;
}

static void pair_honestly(void)
{
	EXPECT(!pair(AUTH_RESPONDER, &shared));
	pthread_join(side.thread, NULL);
	EXPECT(!side.result);
}

static void refuses_a_replayed_line(void)
{
	char *line;

	pair_honestly();
	line = sealed("once");
	say(line);
	EXPECT(hears(&side.channel, "once"));
	say(line);
	EXPECT(receives_nothing("REPLAYED"));
	free(line);
	free(sealed("lost"));
	line = sealed("one is missing before this");
	say(line);
	EXPECT(receives_nothing("REPLAYED"));
	free(line);
}

static void refuses_a_changed_line(void)
{
	char *line, *at;

	pair_honestly();
	line = sealed("yes");
	at = strstr(line, "yes");
	*at = 'Y';
	say(line);
	EXPECT(receives_nothing("TAMPERED"));
	*at = 'y';
	line[0] = line[0] == '0' ? '1' : '0';
	say(line);
	EXPECT(receives_nothing("TAMPERED"));
	free(line);
	say("{\"text\":\"no MAC\",\"seq\":1}");
	EXPECT(receives_nothing("NOT_SEALED"));
	say("");
	EXPECT(receives_nothing("NOT_SEALED"));
}

/* Each side's lines have a key of their own. */
static void refuses_its_own_line(void)
{
	char *line;

	pair_honestly();
	EXPECT(!channel_send(&side.channel, new_object("mine")));
	line = hear();
	say(line ?: "");
	EXPECT(receives_nothing("TAMPERED"));
}

static void refuses_a_line_of_another_connection(void)
{
	char *line;

	pair_honestly();
	line = sealed("old");
	pair_honestly();
	say(line);
	EXPECT(receives_nothing("TAMPERED"));
	free(line);
}

/* No change of any byte of a greeting or of a proof gets anybody in. */
static void survives_noise(void)
{
	struct findings findings;
	struct auth auth, other;
	struct json_object *hello, *proof;
	unsigned int seed = 1;
	int i, accepted = 0;

	findings.count = 0;
	EXPECT(!auth_begin(&auth, AUTH_RESPONDER, &shared, &findings));
	EXPECT(!auth_begin(&other, AUTH_INITIATOR, &shared, &findings));
	hello = auth_hello(&other);
	EXPECT(!auth_take_hello(&auth, object_line(hello), &findings));
	memcpy(other.nonce, auth.nonce, sizeof(auth.nonce));
	proof = auth_proof(&other);
	EXPECT(!auth_take_proof(&auth, object_line(proof), &findings));
	for (i = 0; i < NOISE_ROUNDS; i++) {
		char line[CHANNEL_STRANGER];
		struct auth copy = auth;
		size_t at;

		snprintf(line, sizeof(line), "%s", object_line(i % 2 ? hello : proof));
		at = rand_r(&seed) % strlen(line);
		line[at] = line[at] == (char)(seed >> 8) ? 'x' : (char)(seed >> 8);
		findings.count = 0;
		auth_take_hello(&copy, line, &findings);
		accepted += !auth_take_proof(&auth, line, &findings);
	}
	EXPECT(!accepted);
	json_object_put(hello);
	json_object_put(proof);
}

static char folder[32] = "/tmp/ftd_auth_test.XXXXXX";

static bool secret_is(const char *content, size_t size, mode_t mode, const char *name)
{
	struct findings findings = { .count = 0 };
	static struct secret secret;
	char path[64];
	FILE *file;
	int err;

	snprintf(path, sizeof(path), "%s/secret", folder);
	file = fopen(path, "w");
	if (!file || fwrite(content, 1, size, file) != size || fchmod(fileno(file), mode) ||
	    fclose(file))
		abort();
	err = secret_read(&secret, path, &findings);
	unlink(path);
	if (!name)
		return !err && !findings.count && secret.size == 44;
	return err && findings.count == 1 && !strcmp(findings.list[0].name, name);
}

static void takes_only_a_secret_file(void)
{
	static const char content[2000] = "wL3cBqSzb0cIkXb0yXw9Y3u8m1c2v5Qe4kF6pTzR7sA=\n";
	struct findings findings = { .count = 0 };
	static struct secret secret;

	EXPECT(secret_is(content, 45, 0600, NULL));
	EXPECT(secret_is(content, 45, 0400, NULL));
	EXPECT(secret_is(content, 45, 0640, "SECRET_MODE"));
	EXPECT(secret_is(content, 45, 0604, "SECRET_MODE"));
	EXPECT(secret_is(content, 45, 0620, "SECRET_MODE"));
	EXPECT(secret_is(content, 31, 0600, "SECRET_SIZE"));
	EXPECT(secret_is("\n\n\n", 3, 0600, "SECRET_SIZE"));
	EXPECT(secret_is("", 0, 0600, "SECRET_SIZE"));
	EXPECT(secret_is(content, 1025, 0600, "SECRET_SIZE"));
	EXPECT(secret_read(&secret, "/nowhere/secret", &findings) && findings.count == 1);
	EXPECT(secret_read(&secret, folder, &findings) && findings.count == 2);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(both_prove_the_secret), TEST(refuses_another_secret),
		TEST(proves_nothing_to_strangers), TEST(refuses_its_own_nonce),
		TEST(refuses_its_own_role), TEST(refuses_an_old_proof),
		TEST(refuses_a_proof_of_the_wrong_role), TEST(refuses_another_version),
		TEST(refuses_garbage), TEST(refuses_a_long_line), TEST(refuses_silence),
		TEST(refuses_who_hangs_up), TEST(refuses_what_comes_out_of_turn),
		TEST(refuses_a_replayed_line), TEST(refuses_a_changed_line),
		TEST(refuses_its_own_line), TEST(refuses_a_line_of_another_connection),
		TEST(survives_noise), TEST(takes_only_a_secret_file),
	};
	int status;

	if (!mkdtemp(folder))
		return 1;
	status = run_tests("auth", tests, ARRAY_SIZE(tests), argc, argv);
	rmdir(folder);
	return status;
}
