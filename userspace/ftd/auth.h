/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two daemons prove to one another that they know the same secret, and seal what they
 * say from then on.  Documentation/wire-protocol.rst has the protocol.
 *
 * Here are the lines, not the connection: nothing waits, and nothing that comes in is
 * trusted.  Functions that return int: 0, or -1 with the reason in @findings.
 */
#ifndef FTD_AUTH_H
#define FTD_AUTH_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "finding.h"

#define AUTH_VERSION	1	/* of the protocol, all of it */
#define AUTH_BYTES	32	/* of a nonce, a MAC, a key: SHA-256's */
#define AUTH_DEPTH	6	/* of objects and arrays in a line */

#define SECRET_MIN	32
#define SECRET_MAX	1024

/**
 * struct secret - what both hosts know and nobody else
 * @bytes: it
 * @size: of it
 */
struct secret {
	uint8_t bytes[SECRET_MAX];
	size_t size;
};

/* What to do about somebody on the port who is no ftd. */
#define AUTH_STRANGER	"let nothing but ftd use this port, and only on the logging link"

/* Who has made the connection, and who has taken it. */
enum auth_role {
	AUTH_INITIATOR,
	AUTH_RESPONDER,
};

#define AUTH_ROLES	2

/**
 * struct auth - how far it is
 * @secret: shared
 * @own: this side's role
 * @nonce: of both sides, by role
 * @key: of what each side sends, by role; after auth_make_keys()
 * @sequence: number of the last line of each side
 */
struct auth {
	const struct secret *secret;
	enum auth_role own;
	uint8_t nonce[AUTH_ROLES][AUTH_BYTES];
	uint8_t key[AUTH_ROLES][AUTH_BYTES];
	uint64_t sequence[AUTH_ROLES];
};

/**
 * secret_read() - read it from a file
 * @secret: the result
 * @path: of a file that only its owner can read
 * @findings: says what is wrong
 *
 * Return: 0, or -1.
 */
int secret_read(struct secret *secret, const char *path, struct findings *findings);

/* Begin, with a new nonce. */
int auth_begin(struct auth *auth, enum auth_role own, const struct secret *secret,
	       struct findings *findings);

/* The first line: version, role, nonce.  NULL: no memory. */
struct json_object *auth_hello(const struct auth *auth);

/* The other side's first line; the nonce is taken from it. */
int auth_take_hello(struct auth *auth, const char *line, struct findings *findings);

/* The second line: a MAC of what both have said.  NULL: no memory. */
struct json_object *auth_proof(const struct auth *auth);

/* The other side's second line, or its reason not to send one. */
int auth_take_proof(const struct auth *auth, const char *line, struct findings *findings);

/* Both proofs were right. */
void auth_make_keys(struct auth *auth);

/**
 * auth_seal() - make a line to be sent
 * @auth: with keys
 * @object: what to say; gets a member "seq"
 *
 * Return: the line, to be freed; NULL: no memory.
 */
char *auth_seal(struct auth *auth, struct json_object *object);

/**
 * auth_open() - check a line that was received
 * @auth: with keys
 * @line: MAC and JSON
 * @findings: says what is wrong
 *
 * The JSON is not parsed before the MAC is found to be right.
 *
 * Return: the object, to be put; NULL if it is not the other side's next line.
 */
struct json_object *auth_open(struct auth *auth, const char *line, struct findings *findings);

#endif
