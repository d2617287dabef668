// SPDX-License-Identifier: GPL-2.0-only
/*
 * What guests compile: the stb libraries, some 25,000 lines, and this, which shows
 * that they came out right: a picture survives being written as PNG and read back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_TRUETYPE_IMPLEMENTATION
#define STB_RECT_PACK_IMPLEMENTATION
#define STBI_NO_SIMD
#define STBI_NO_THREAD_LOCALS
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#include <stb/stb_image_resize.h>
#include <stb/stb_rect_pack.h>
#include <stb/stb_truetype.h>

#define SIZE	128

static unsigned char picture[SIZE][SIZE][3];

static void draw(void)
{
	int x, y;

	for (y = 0; y < SIZE; y++) {
		for (x = 0; x < SIZE; x++) {
			picture[y][x][0] = x * y;
			picture[y][x][1] = x ^ y;
			picture[y][x][2] = (x * x + y * y) / SIZE;
		}
	}
}

int main(void)
{
	int length, width, height, channels;
	unsigned char *png, *back;

	draw();
	png = stbi_write_png_to_mem(picture[0][0], 0, SIZE, SIZE, 3, &length);
	if (!png)
		return 1;
	back = stbi_load_from_memory(png, length, &width, &height, &channels, 3);
	if (!back || width != SIZE || height != SIZE || memcmp(back, picture, sizeof(picture)))
		return 1;
	printf("the picture survived\n");
	return 0;
}
