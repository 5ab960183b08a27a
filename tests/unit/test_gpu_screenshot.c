/* SPDX-License-Identifier: MIT */
#include "fake_renderer.h"
#include "fake_sink.h"
#include "gpu_2d.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

#include "gpu/picture.h"
#include "gpu/picture_png.h"
#include "gpu/render_thread.h"
#include "gpu/sink_file.h"

#define ID 5u
#define WIDTH 40u
#define HEIGHT 30u
#define ALL gpu_rect(0, 0, WIDTH, HEIGHT)

/* ---- pictures read back by libpng ---- */

struct seen {
    uint32_t width, height;
    uint8_t bytes[WIDTH * HEIGHT * 3]; /* red, green, blue */
};

static bool read_png(int fd, struct seen *seen)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    FILE *file = fdopen(dup(fd), "rb");
    bool good;

    assert_non_null(file);
    rewind(file);
    good = png_image_begin_read_from_stdio(&image, file) && image.format == PNG_FORMAT_RGB &&
           image.width <= WIDTH && image.height <= HEIGHT;
    if (good) {
        image.format = PNG_FORMAT_RGB;
        seen->width = image.width;
        seen->height = image.height;
        good = png_image_finish_read(&image, NULL, seen->bytes, 0, NULL);
    }
    png_image_free(&image);
    fclose(file);
    return good;
}

static int empty_file(void)
{
    char path[] = "/tmp/picture-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

/* Colours that tell where a pixel is. */
static void paint(struct picture *picture)
{
    for (uint32_t y = 0; y < picture->height; y++)
        for (uint32_t x = 0; x < picture->width; x++) {
            uint8_t *to = picture->data + (size_t)y * picture->stride + x * 4;

            to[0] = (uint8_t)(x * 5);
            to[1] = (uint8_t)(y * 7);
            to[2] = (uint8_t)(x + y);
            to[3] = 77;
        }
}

static void check_painted(const struct seen *seen)
{
    for (uint32_t y = 0; y < seen->height; y++)
        for (uint32_t x = 0; x < seen->width; x++) {
            const uint8_t *at = seen->bytes + (y * seen->width + x) * 3;

            assert_int_equal(at[0], (uint8_t)(x + y));
            assert_int_equal(at[1], (uint8_t)(y * 7));
            assert_int_equal(at[2], (uint8_t)(x * 5));
        }
}

static void a_picture_is_written(void **state)
{
    struct picture *picture = picture_create(BGRA, WIDTH, HEIGHT);
    int fd = empty_file();
    struct seen seen;

    paint(picture);
    assert_int_equal(picture_png_write(picture, dup(fd)), 0);
    assert_true(read_png(fd, &seen));
    assert_int_equal(seen.width, WIDTH);
    assert_int_equal(seen.height, HEIGHT);
    check_painted(&seen);
    close(fd);
    paint(picture);
    fd = open("/dev/full", O_WRONLY);
    assert_true(picture_png_write(picture, fd) < 0);
    fd = open("/dev/null", O_RDONLY);
    assert_true(picture_png_write(picture, fd) < 0);
    picture_destroy(picture);
}

/* ---- on demand ---- */

struct told {
    unsigned answers;
    int result;
    char text[4096];
};

static void on_answer(void *data, int result, const char *text)
{
    struct told *told = data;

    told->answers++;
    told->result = result;
    snprintf(told->text, sizeof(told->text), "%s", text);
}

/* Gives a command and runs the loop until the answer is there. */
static struct told *command(struct gpu_fixture *f, const char *line, int fd)
{
    static struct told told;

    told = (struct told){0};
    f->device->impl->command(f->device, line, fd, on_answer, &told);
    for (unsigned i = 0; i < 1000 && told.answers == 0; i++)
        sd_event_run(f->loop, 10000);
    assert_int_equal(told.answers, 1);
    return &told;
}

static void show(struct gpu_fixture *f)
{
    gpu_create_2d(f, ID, BGRX, WIDTH, HEIGHT);
    paint(resource_picture(resource_find(gpu_of_fixture(f), ID)));
    assert_int_equal(gpu_scanout(f, 0, ID, ALL), NODATA);
}

static void a_screenshot_needs_no_sink(void **state)
{
    struct gpu_fixture *f = *state;
    int fd = empty_file();
    struct seen seen;
    struct told *told;

    show(f);
    told = command(f, "screenshot 0", dup(fd));
    assert_int_equal(told->result, 0);
    assert_string_equal(told->text, "{\"output\":0,\"width\":40,\"height\":30}");
    assert_true(read_png(fd, &seen));
    check_painted(&seen);
    close(fd);
}

static void the_pointer_is_in_it_if_asked_for(void **state)
{
    struct gpu_fixture *f = *state;
    struct cursor *cursor = &gpu_of_fixture(f)->display.cursors[0];
    int fd = empty_file();
    struct seen seen;

    show(f);
    cursor->visible = true;
    cursor->x = 4;
    cursor->y = 3;
    memset(cursor->picture.pixels, 255, sizeof(cursor->picture.pixels));
    assert_int_equal(command(f, "screenshot 0", dup(fd))->result, 0);
    assert_true(read_png(fd, &seen));
    check_painted(&seen);
    close(fd);
    fd = empty_file();
    assert_int_equal(command(f, "screenshot 0 pointer", dup(fd))->result, 0);
    assert_true(read_png(fd, &seen));
    assert_memory_equal(seen.bytes + (3 * WIDTH + 4) * 3, "\xff\xff\xff", 3);
    assert_int_equal(seen.bytes[(3 * WIDTH + 3) * 3], 6);
    close(fd);
}

static void what_makes_no_sense_is_said(void **state)
{
    static const char *const lines[] = {"screenshot",
                                        "screenshot x",
                                        "screenshot 2",
                                        "screenshot 0",
                                        "screenshot 0 y",
                                        "screenshot -1",
                                        "screenshot 0 pointer z",
                                        "output 0",
                                        "output 0 7x7",
                                        "output 2 off",
                                        "output 0 off now",
                                        "output  0x1 off",
                                        "teapot",
                                        "",
                                        "screenshots 0",
                                        "screenshot 4294967296"};
    struct gpu_fixture *f = *state;

    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct told *told = command(f, lines[i], empty_file());

        assert_true(told->result < 0);
        assert_true(strlen(told->text) > 10);
    }
    show(f);
    assert_int_equal(command(f, "screenshot 0", -1)->result, -EINVAL);
    assert_true(command(f, "screenshot 0", open("/dev/null", O_RDONLY))->result < 0);
}

static void outputs_are_listed_and_changed(void **state)
{
    struct gpu_fixture *f = *state;
    struct told *told;

    show(f);
    assert_int_equal(command(f, "output 1 1920x1080@75", -1)->result, 0);
    assert_int_equal(f->config_changes, 1);
    told = command(f, "outputs", -1);
    assert_string_equal(
        told->text, "[{\"output\":0,\"name\":\"hostblob\",\"width\":1280,\"height\":800,\"hz\":60,"
                    "\"shows_width\":40,\"shows_height\":30,\"resource\":5,\"pointer\":false},"
                    "{\"output\":1,\"name\":\"hostblob\",\"width\":1920,\"height\":1080,\"hz\":75,"
                    "\"shows_width\":0,\"shows_height\":0,\"resource\":0,\"pointer\":false}]");
    assert_int_equal(command(f, "output 1 off", -1)->result, 0);
    assert_int_equal(gpu_of_fixture(f)->display.outputs[1].mode.width, 0);
}

static void the_renderer_is_asked_first(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_create_3d request = fake_texture(ID, BGRX, WIDTH, HEIGHT);
    struct fake_renderer *fake;
    struct told told = {0};
    int fd = empty_file();
    struct seen seen;

    request.flags = htole32(VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP);
    fake = fake_renderer_add_texture(f, request);
    gpu_scanout(f, 0, ID, ALL);
    f->device->impl->command(f->device, "screenshot 0", dup(fd), on_answer, &told);
    gpu_loop(f);
    assert_int_equal(told.answers, 0);
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++) {
            uint8_t pixel[4] = {(uint8_t)(x * 5), (uint8_t)(y * 7), (uint8_t)(x + y)};

            memcpy(fake->to + y * fake->stride + x * 4, pixel, 4);
        }
    gpu_scanout(f, 0, 0, ALL); /* it was asked for while it was there */
    fake_end(fake, "read", 0);
    for (unsigned i = 0; i < 1000 && told.answers == 0; i++)
        sd_event_run(f->loop, 10000);
    assert_int_equal(told.result, 0);
    assert_true(read_png(fd, &seen));
    check_painted(&seen);
    close(fd);
    /* One that a reset overtakes is answered as well. */
    gpu_scanout(f, 0, ID, ALL);
    told = (struct told){0};
    f->device->impl->command(f->device, "screenshot 0", empty_file(), on_answer, &told);
    f->device->impl->reset(f->device);
    assert_int_equal(told.answers, 1);
    assert_true(told.result < 0);
}

/* ---- a folder ---- */

static unsigned count_files(const char *folder, char last[static 64])
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    unsigned count = 0;

    last[0] = '\0';
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.') {
            count++;
            if (strcmp(entry->d_name, last) > 0)
                snprintf(last, 64, "%.60s", entry->d_name);
        }
    closedir(dir);
    return count;
}

static void remove_folder(const char *folder)
{
    char last[64], path[128];

    while (count_files(folder, last) > 0) {
        snprintf(path, sizeof(path), "%s/%s", folder, last);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0); /* nothing is left half written */
}

static void wait_for_files(struct gpu_fixture *f)
{
    struct render_thread *files = gpu_of_fixture(f)->display.files;
    struct render_thread_hand hand;

    while (render_thread_queued(files) > 0 || render_thread_busy(files, &hand))
        sd_event_run(f->loop, 1000);
    gpu_loop(f);
}

static bool file_is_painted(const char *folder, const char *name)
{
    char path[128];
    struct seen seen;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_true(read_png(fd, &seen));
    close(fd);
    check_painted(&seen);
    return true;
}

static void updates_become_files(void **state)
{
    struct gpu_fixture *f = *state;
    struct display *display = &gpu_of_fixture(f)->display;
    char folder[] = "/tmp/pictures-XXXXXX", last[64];
    struct sink *sink;

    assert_non_null(mkdtemp(folder));
    assert_int_equal(rmdir(folder), 0); /* it makes the folder */
    sink = sink_file_create(display, folder);
    assert_non_null(sink);
    assert_int_equal(display_add_sink(display, sink), 0);
    show(f);
    assert_int_equal(gpu_flush(f, ID, ALL), NODATA);
    wait_for_files(f);
    assert_int_equal(count_files(folder, last), 1);
    assert_string_equal(last, "output-0-00000001.png");
    assert_true(file_is_painted(folder, last));
    /* Many at once become few, and the last one is there. */
    memset(resource_picture(resource_find(gpu_of_fixture(f), ID))->data, 0, 1000);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(gpu_flush(f, ID, ALL), NODATA);
    paint(resource_picture(resource_find(gpu_of_fixture(f), ID)));
    assert_int_equal(gpu_flush(f, ID, ALL), NODATA);
    for (unsigned i = 0; i < 5; i++)
        wait_for_files(f);
    assert_in_range(count_files(folder, last), 2, 32);
    assert_true(file_is_painted(folder, last));
    display_remove_sink(display, sink);
    remove_folder(folder);
}

static void old_files_go(void **state)
{
    struct gpu_fixture *f = *state;
    struct display *display = &gpu_of_fixture(f)->display;
    char folder[] = "/tmp/pictures-XXXXXX", last[64], path[128];
    struct sink *sink;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/output-0-00000017.png", folder);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    sink = sink_file_create(display, folder);
    assert_int_equal(display_add_sink(display, sink), 0);
    show(f);
    for (unsigned i = 0; i < SINK_FILE_KEEP + 3; i++) {
        gpu_flush(f, ID, ALL);
        wait_for_files(f);
    }
    assert_int_equal(count_files(folder, last), SINK_FILE_KEEP);
    assert_string_equal(last, "output-0-00000120.png"); /* it went on after the 17th */
    /* A sink may go while it writes. */
    gpu_flush(f, ID, ALL);
    gpu_flush(f, ID, ALL);
    display_remove_sink(display, sink);
    wait_for_files(f);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_picture_is_written),
        GPU_TEST(a_screenshot_needs_no_sink),
        GPU_TEST(the_pointer_is_in_it_if_asked_for),
        GPU_TEST(what_makes_no_sense_is_said),
        GPU_TEST(outputs_are_listed_and_changed),
        GPU_TEST(the_renderer_is_asked_first),
        GPU_TEST(updates_become_files),
        GPU_TEST(old_files_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
