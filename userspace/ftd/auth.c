// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "auth.h"
#include "object.h"

#define PROTOCOL	"kvm-ft pairing"
#define HEX		(2 * AUTH_BYTES)

static const char *const role_names[] = { "initiator", "responder" };

static const char same_secret[] = "put the same secret file on both hosts, and start ftd again";

static enum auth_role other(const struct auth *auth)
{
	return auth->own == AUTH_INITIATOR ? AUTH_RESPONDER : AUTH_INITIATOR;
}

static void to_hex(const uint8_t *bytes, char *text)
{
	int i;

	for (i = 0; i < AUTH_BYTES; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? at - digits : -1;
}

/* The first HEX characters of a text.  Returns -1 if they are something else. */
static int from_hex(uint8_t *bytes, const char *text)
{
	int i;

	for (i = 0; i < AUTH_BYTES; i++) {
		int high = digit(text[2 * i]);
		int low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0)
			return -1;
		bytes[i] = high << 4 | low;
	}
	return 0;
}

int auth_begin(struct auth *auth, enum auth_role own, const struct secret *secret,
	       struct findings *findings)
{
	*auth = (struct auth){ .secret = secret, .own = own };
	if (getrandom(auth->nonce[own], AUTH_BYTES, 0) != AUTH_BYTES)
		return findings_add(findings, "RANDOM", "", "no random numbers: %s",
				    strerror(errno));
	return 0;
}

struct json_object *auth_hello(const struct auth *auth)
{
	struct json_object *hello = json_object_new_object();
	char nonce[HEX + 1];

	if (!hello)
		return NULL;
	to_hex(auth->nonce[auth->own], nonce);
	object_add_text(hello, "protocol", PROTOCOL);
	object_add_number(hello, "version", AUTH_VERSION);
	object_add_text(hello, "role", role_names[auth->own]);
	object_add_text(hello, "nonce", nonce);
	return hello;
}

static int check_hello(struct auth *auth, struct json_object *hello, struct findings *findings)
{
	const char *protocol = object_text(hello, "protocol");
	const char *role = object_text(hello, "role");
	const char *nonce = object_text(hello, "nonce");
	uint64_t version;

	if (!protocol || strcmp(protocol, PROTOCOL) || !object_number(hello, "version", &version))
		return findings_add(findings, "NOT_FTD", AUTH_STRANGER,
				    "what came is not ftd's greeting");
	if (version != AUTH_VERSION)
		return findings_add(findings, "PROTOCOL_VERSION",
				    "use the same version of kvm-ft on both hosts",
				    "the other ftd has protocol version %llu, this one %d",
				    (unsigned long long)version, AUTH_VERSION);
	if (!role || strcmp(role, role_names[other(auth)]))
		return findings_add(findings, "ROLE", AUTH_STRANGER,
				    "the other side is not the %s of the connection",
				    role_names[other(auth)]);
	if (!nonce || strlen(nonce) != HEX || from_hex(auth->nonce[other(auth)], nonce))
		return findings_add(findings, "NOT_FTD", AUTH_STRANGER,
				    "the greeting has no nonce");
	if (!memcmp(auth->nonce[0], auth->nonce[1], AUTH_BYTES))
		return findings_add(findings, "REFLECTED", AUTH_STRANGER,
				    "the other side has sent this side's nonce back");
	return 0;
}

int auth_take_hello(struct auth *auth, const char *line, struct findings *findings)
{
	struct json_object *hello = object_parse(line, strlen(line), AUTH_DEPTH);
	int err = check_hello(auth, hello, findings);

	json_object_put(hello);
	return err;
}

static void mac_of(const void *key, size_t key_size, const void *data, size_t size, uint8_t *mac)
{
	unsigned int length = AUTH_BYTES;

	/* It fails only if there is no memory: the MAC is then one that nobody has. */
	if (!HMAC(EVP_sha256(), key, key_size, data, size, mac, &length) &&
	    getrandom(mac, AUTH_BYTES, 0) != AUTH_BYTES)
		memset(mac, 0, AUTH_BYTES);
}

/* Of all that was agreed upon, for one purpose and one side. */
static void derive(const struct auth *auth, const char *purpose, enum auth_role role,
		   uint8_t *mac)
{
	char data[128 + AUTH_ROLES * AUTH_BYTES];
	int label = snprintf(data, 128, "%s %d %s %s", PROTOCOL, AUTH_VERSION, purpose,
			     role_names[role]) + 1;

	memcpy(data + label, auth->nonce, sizeof(auth->nonce));
	mac_of(auth->secret->bytes, auth->secret->size, data, label + sizeof(auth->nonce), mac);
}

struct json_object *auth_proof(const struct auth *auth)
{
	struct json_object *proof = json_object_new_object();
	uint8_t mac[AUTH_BYTES];
	char text[HEX + 1];

	if (!proof)
		return NULL;
	derive(auth, "proof", auth->own, mac);
	to_hex(mac, text);
	object_add_text(proof, "proof", text);
	return proof;
}

static int check_proof(const struct auth *auth, struct json_object *object,
		       struct findings *findings)
{
	const char *proof = object_text(object, "proof");
	uint8_t mac[AUTH_BYTES], expected[AUTH_BYTES];

	if (object_text(object, "refused"))
		return findings_add(findings, "SECRET", same_secret,
				    "the other side says that its secret is another one");
	if (!proof || strlen(proof) != HEX || from_hex(mac, proof))
		return findings_add(findings, "NOT_FTD", AUTH_STRANGER,
				    "what came is not ftd's proof");
	derive(auth, "proof", other(auth), expected);
	if (CRYPTO_memcmp(mac, expected, AUTH_BYTES))
		return findings_add(findings, "SECRET", same_secret,
				    "the other side has another secret");
	return 0;
}

int auth_take_proof(const struct auth *auth, const char *line, struct findings *findings)
{
	struct json_object *object = object_parse(line, strlen(line), AUTH_DEPTH);
	int err = check_proof(auth, object, findings);

	json_object_put(object);
	return err;
}

void auth_make_keys(struct auth *auth)
{
	derive(auth, "key", AUTH_INITIATOR, auth->key[AUTH_INITIATOR]);
	derive(auth, "key", AUTH_RESPONDER, auth->key[AUTH_RESPONDER]);
}

char *auth_seal(struct auth *auth, struct json_object *object)
{
	uint8_t mac[AUTH_BYTES];
	char text[HEX + 1], *line;
	const char *json;

	object_add_number(object, "seq", ++auth->sequence[auth->own]);
	json = object_line(object);
	if (!json)
		return NULL;
	mac_of(auth->key[auth->own], AUTH_BYTES, json, strlen(json), mac);
	to_hex(mac, text);
	return asprintf(&line, "%s %s", text, json) < 0 ? NULL : line;
}

struct json_object *auth_open(struct auth *auth, const char *line, struct findings *findings)
{
	uint8_t mac[AUTH_BYTES], expected[AUTH_BYTES];
	const char *json = line + HEX + 1;
	struct json_object *object;
	uint64_t sequence;

	if (strlen(line) <= HEX || line[HEX] != ' ' || from_hex(mac, line)) {
		findings_add(findings, "NOT_SEALED", AUTH_STRANGER, "a line has no MAC");
		return NULL;
	}
	mac_of(auth->key[other(auth)], AUTH_BYTES, json, strlen(json), expected);
	if (CRYPTO_memcmp(mac, expected, AUTH_BYTES)) {
		findings_add(findings, "TAMPERED", AUTH_STRANGER,
			     "a line's MAC is wrong: it is not what the other side has sent");
		return NULL;
	}
	object = object_parse(json, strlen(json), AUTH_DEPTH);
	if (object_number(object, "seq", &sequence) &&
	    sequence == auth->sequence[other(auth)] + 1) {
		auth->sequence[other(auth)]++;
		return object;
	}
	findings_add(findings, "REPLAYED", AUTH_STRANGER, "a line is not the next one");
	json_object_put(object);
	return NULL;
}
