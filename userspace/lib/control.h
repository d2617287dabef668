/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket: requests from other programs, such as a management daemon.
 *
 * It is a UNIX stream socket. A client sends requests, a JSON object in a line each,
 * and gets one reply, likewise, to each, in order:
 *
 *   {"command":"status"}                  {"ok":true,"name":"ftvmm",...}
 *   {"command":"nonsense"}                {"ok":false,"error":...,"remedy":...}
 *
 * With a request may come one descriptor (SCM_RIGHTS). After {"command":"events"} the
 * client gets events as well: objects with the member "event".
 *
 * Only the owner can connect (mode 0600). Nothing that a client does blocks the
 * guest: who sends too long a line, or does not read what was sent, is hung up on.
 *
 * All functions are for the main loop's thread.
 */
#ifndef KVMFT_CONTROL_H
#define KVMFT_CONTROL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop.h"

#define CONTROL_CLIENTS	8
#define CONTROL_LINE	4096	/* the most bytes of a request, with its newline */
#define CONTROL_DEPTH	4	/* of objects and arrays in a request */

/* What a command's function has come to. */
enum control_result {
	CONTROL_DONE,		/* @reply is sent */
	CONTROL_REFUSED,	/* likewise; it is what control_refuse() made it */
	CONTROL_LATER,		/* @ticket will be answered with control_answer() */
};

struct control_client;

/**
 * struct control_call - a request
 * @client: whose it is
 * @request: the object; has no members but "command" and the command's parameters
 * @reply: to be filled with members
 * @fd: a descriptor that came with it, or -1; closed after the call unless the
 *	command's function took it, and set this to -1
 * @ticket: number of the call, of which there are no two
 */
struct control_call {
	struct control_client *client;
	struct json_object *request;
	struct json_object *reply;
	int fd;
	uint64_t ticket;
};

/**
 * struct control_command - a command
 * @next: in the list of all
 * @name: unique
 * @parameters: names of members of its requests, separated by spaces; may be ""
 * @help: one line
 * @run: does it
 * @owner: for @run
 */
struct control_command {
	struct control_command *next;
	const char *name;
	const char *parameters;
	const char *help;
	enum control_result (*run)(void *owner, struct control_call *call);
	void *owner;
};

struct control;

/**
 * struct control_client - somebody who is connected
 * @control: to what
 * @watch: its descriptor; -1 if the slot is free
 * @line: what was read
 * @used: bytes of it
 * @fd: the descriptor that came last, or -1
 * @subscribed: wants events
 * @reply: of the call that is answered later; NULL if there is none
 * @ticket: of that call
 */
struct control_client {
	struct control *control;
	struct watch watch;
	char line[CONTROL_LINE];
	size_t used;
	int fd;
	bool subscribed;
	struct json_object *reply;
	uint64_t ticket;
};

/**
 * struct control - the socket and who is connected to it
 * @loop: that it is in
 * @path: of the socket; NULL if there is none
 * @device: where @path is on its file system
 * @inode: likewise
 * @listener: takes connections
 * @client: slots
 * @commands: that there are
 * @help: the command
 * @events: the command
 * @tickets: the last number that was given
 */
struct control {
	struct loop *loop;
	const char *path;
	dev_t device;
	ino_t inode;
	struct watch listener;
	struct control_client client[CONTROL_CLIENTS];
	struct control_command *commands;
	struct control_command help;
	struct control_command events;
	uint64_t tickets;
};

/**
 * control_open() - make the socket
 * @control: must stay
 * @loop: the main loop
 * @path: of the socket; a socket that nobody listens to any more is replaced
 *
 * Return: 0, or -1 with the reason told; control_close() is to be called in both cases.
 */
int control_open(struct control *control, struct loop *loop, const char *path);

/* Hangs up on all clients, and removes the socket.  Nothing if @path is NULL. */
void control_close(struct control *control);

/* The command must stay. */
void control_add(struct control *control, struct control_command *command);

/**
 * control_refuse() - answer a request with an error
 * @reply: of the call; keeps the members it has
 * @remedy: what to do about it; NULL if there is nothing
 * @format: what is wrong
 *
 * Return: CONTROL_REFUSED.
 */
__attribute__((format(printf, 3, 4)))
enum control_result control_refuse(struct json_object *reply, const char *remedy,
				   const char *format, ...);

/**
 * control_pending() - the reply to a call that is answered later
 * @control: the socket
 * @ticket: of the call
 *
 * Return: the reply, to be filled; NULL if the client has gone, or was answered.
 */
struct json_object *control_pending(struct control *control, uint64_t ticket);

/* Sends that reply; nothing if the client has gone. */
void control_answer(struct control *control, uint64_t ticket);

/* Sends an event to all who want them.  It is put by this. */
void control_tell(struct control *control, struct json_object *event);

#endif
