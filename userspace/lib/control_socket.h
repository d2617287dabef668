/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket as a file, and what comes through a connection. */
#ifndef KVMFT_CONTROL_SOCKET_H
#define KVMFT_CONTROL_SOCKET_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

/* Fill in an address.  Returns 0, or -1 with the reason told. */
int control_address(struct sockaddr_un *address, const char *path);

/* The other side.  Returns a descriptor, or a negative errno. */
int control_connect(const char *path);

/**
 * control_listen() - make a socket that only its owner can connect to
 * @path: where; a socket that nobody listens to is replaced, nothing else is
 * @device: for control_remove()
 * @inode: likewise
 *
 * Return: its descriptor, not blocking; or -1 with the reason told.
 */
int control_listen(const char *path, dev_t *device, ino_t *inode);

/* Remove it, if what is at @path is still that socket. */
void control_remove(const char *path, dev_t device, ino_t inode);

/**
 * control_receive() - read from a connection
 * @socket: descriptor
 * @to: for bytes
 * @room: for how many
 * @fd: a descriptor that came along replaces the one here, which is closed unless -1
 *
 * Return: bytes; 0 at the end; or -1 and errno.
 */
ssize_t control_receive(int socket, char *to, size_t room, int *fd);

#endif
