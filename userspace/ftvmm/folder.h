/* SPDX-License-Identifier: GPL-2.0-only */
/* The folder of a recording, and its files. */
#ifndef FTVMM_FOLDER_H
#define FTVMM_FOLDER_H

#include <stdbool.h>

#define FOLDER_FILES	2

/**
 * struct folder - a folder that a recording is being begun in
 * @path: of it
 * @made: it is new
 * @file: those that were made in it
 * @files: how many
 */
struct folder {
	const char *path;
	bool made;
	const char *file[FOLDER_FILES];
	unsigned int files;
};

/**
 * folder_begin() - make the folder, if it is not there
 * @folder: the folder
 * @path: of it; must stay
 *
 * Return: 0, or -1 with the reason told; then there is nothing to undo.
 */
int folder_begin(struct folder *folder, const char *path);

/**
 * folder_create() - make one of its files, which must not be there
 * @folder: was begun
 * @name: of the file; must stay. There are at most FOLDER_FILES
 *
 * Return: a descriptor for reading and writing, or -1 with the reason told.
 */
int folder_create(struct folder *folder, const char *name);

/* What was made is removed; what was there before stays. */
void folder_undo(struct folder *folder);

/**
 * folder_read() - open a file of a folder that is there
 * @path: of the folder
 * @name: of the file
 *
 * Return: a descriptor for reading, or -1 with the reason told.
 */
int folder_read(const char *path, const char *name);

#endif
