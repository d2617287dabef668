// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a recording that cannot be begun leaves of its folder: all that was there before, and
 * nothing else.  Built with ASan and UBSan; prints KTAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../folder.h"
#include "message.h"
#include "../../lib/tests/test.h"

static char above[32], path[64];
static char complaint[256];
static struct folder folder;

static void keep_complaint(void *data, const char *text, const char *remedy)
{
	(void)data;
	(void)remedy;
	snprintf(complaint, sizeof(complaint), "%s", text);
}

static void set_up(void)
{
	snprintf(above, sizeof(above), "/tmp/folder_test.XXXXXX");
	if (!mkdtemp(above))
		exit(1);
	snprintf(path, sizeof(path), "%s/recording", above);
	message_divert(keep_complaint, NULL);
	complaint[0] = 0;
}

static const char *in_folder(const char *name)
{
	static char file[96];

	snprintf(file, sizeof(file), "%s/%s", path, name);
	return file;
}

static void tear_down(void)
{
	message_divert(NULL, NULL);
	unlink(in_folder("log"));
	unlink(in_folder("state"));
	rmdir(path);
	EXPECT(!rmdir(above));
}

static bool is_there(const char *name)
{
	return !access(in_folder(name), F_OK);
}

static bool makes(const char *name)
{
	int fd = folder_create(&folder, name);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Somebody else's, before. */
static void was_there(const char *name)
{
	int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_EXCL, 0600);

	EXPECT(fd >= 0 && write(fd, "old", 3) == 3);
	close(fd);
}

static bool is_as_it_was(const char *name)
{
	char text[8] = "";
	int fd = open(in_folder(name), O_RDONLY);
	bool is = fd >= 0 && read(fd, text, sizeof(text)) == 3 && !strcmp(text, "old");

	if (fd >= 0)
		close(fd);
	return is;
}

static void a_new_folder_is_removed(void)
{
	EXPECT(!folder_begin(&folder, path) && folder.made);
	EXPECT(makes("log") && makes("state"));
	EXPECT(is_there("log") && is_there("state"));
	folder_undo(&folder);
	EXPECT(access(path, F_OK) && errno == ENOENT);
}

static void an_empty_one_stays(void)
{
	EXPECT(!mkdir(path, 0700));
	EXPECT(!folder_begin(&folder, path) && !folder.made);
	EXPECT(makes("log"));
	folder_undo(&folder);
	EXPECT(!is_there("log") && !access(path, F_OK));
}

static void a_state_without_log_stays(void)
{
	EXPECT(!mkdir(path, 0700));
	was_there("state");
	EXPECT(!folder_begin(&folder, path));
	EXPECT(makes("log") && !makes("state"));
	EXPECT(strstr(complaint, "has a recording already (state)"));
	folder_undo(&folder);
	EXPECT(is_as_it_was("state") && !is_there("log"));
}

static void a_log_without_state_stays(void)
{
	EXPECT(!mkdir(path, 0700));
	was_there("log");
	EXPECT(!folder_begin(&folder, path));
	EXPECT(!makes("log"));
	EXPECT(strstr(complaint, "has a recording already (log)"));
	folder_undo(&folder);
	EXPECT(is_as_it_was("log") && !is_there("state"));
}

static void a_file_is_no_folder(void)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	close(fd);
	EXPECT(!folder_begin(&folder, path));
	EXPECT(!makes("log") && strstr(complaint, "Not a directory"));
	folder_undo(&folder);
	EXPECT(!unlink(path));
}

static void what_is_missing_is_told(void)
{
	snprintf(path, sizeof(path), "%s/none/recording", above);
	EXPECT(folder_begin(&folder, path) && strstr(complaint, "cannot make folder"));
	EXPECT(folder_read(path, "log") < 0 && strstr(complaint, "cannot open the recording"));
}

static void reads_what_was_made(void)
{
	char byte = 0;
	int fd;

	EXPECT(!folder_begin(&folder, path));
	fd = folder_create(&folder, "log");
	EXPECT(write(fd, "x", 1) == 1);
	close(fd);
	fd = folder_read(path, "log");
	EXPECT(read(fd, &byte, 1) == 1 && byte == 'x' && write(fd, "y", 1) < 0);
	close(fd);
	EXPECT(folder_read(path, "state") < 0 && strstr(complaint, "state: No such file"));
}

static const struct test tests[] = {
	TEST(a_new_folder_is_removed),
	TEST(an_empty_one_stays),
	TEST(a_state_without_log_stays),
	TEST(a_log_without_state_stays),
	TEST(a_file_is_no_folder),
	TEST(what_is_missing_is_told),
	TEST(reads_what_was_made),
};

int main(int argc, char **argv)
{
	return run_tests("folder", tests, ARRAY_SIZE(tests), argc, argv);
}
