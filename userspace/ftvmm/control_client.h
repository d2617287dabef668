/* SPDX-License-Identifier: GPL-2.0-only */
/* The other end of the control socket, for scripts. */
#ifndef FTVMM_CONTROL_CLIENT_H
#define FTVMM_CONTROL_CLIENT_H

/**
 * control_client() - "ftvmm send SOCKET REQUEST": send a request, print what comes back
 * @argc: from "send" on
 * @argv: likewise
 *
 * After the request "events" it prints events, until the guest ends.
 *
 * Return: exit status: 0, or 1 if the request was refused or nobody is there, or 2 if
 * the command line is wrong.
 */
int control_client(int argc, char **argv);

#endif
