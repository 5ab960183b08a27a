/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/sandbox_parts.h"

/* What newer kernels have, and the headers of Debian 12 have not. */
#define FS_REFER (UINT64_C(1) << 13)      /* interface 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)   /* 3 */
#define NET_BIND (UINT64_C(1) << 0)       /* 4 */
#define NET_CONNECT (UINT64_C(1) << 1)    /* 4 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15)  /* 5 */
#define SCOPE_ABSTRACT (UINT64_C(1) << 0) /* 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)   /* 6 */

#define FS_FIRST ((UINT64_C(1) << 13) - 1) /* all that interface 1 has */

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_MAKE (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* What makes sense for a file; the rest is for folders. */
#define FS_FILE                                                                                    \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |   \
     FS_TRUNCATE | FS_IOCTL_DEV)

/* The whole of struct landlock_ruleset_attr; an older kernel takes the beginning. */
struct ruleset_attr {
    uint64_t fs, net, scoped;
};

int sandbox_landlock_version(void)
{
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);

    return version < 0 ? -errno : (int)version;
}

static struct ruleset_attr everything(int version)
{
    struct ruleset_attr attr = {.fs = FS_FIRST};

    if (version >= 2)
        attr.fs |= FS_REFER;
    if (version >= 3)
        attr.fs |= FS_TRUNCATE;
    if (version >= 4)
        attr.net = NET_BIND | NET_CONNECT;
    if (version >= 5)
        attr.fs |= FS_IOCTL_DEV;
    if (version >= 6)
        attr.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
    return attr;
}

static uint64_t rights(unsigned access)
{
    return (access & SANDBOX_READ ? FS_READ : 0) | (access & SANDBOX_WRITE ? FS_WRITE : 0) |
           (access & SANDBOX_MAKE ? FS_MAKE : 0) |
           (access & SANDBOX_EXECUTE ? LANDLOCK_ACCESS_FS_EXECUTE : 0);
}

static int add_path(int ruleset, const struct sandbox_path *p, uint64_t handled)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights(p->access) & handled};
    struct stat st;
    int r = 0;

    rule.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return errno == ENOENT || errno == EACCES ? 0 : -errno;
    if (fstat(rule.parent_fd, &st) < 0)
        r = -errno;
    else if (!S_ISDIR(st.st_mode))
        rule.allowed_access &= FS_FILE;
    if (r == 0 && rule.allowed_access != 0 &&
        syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0u) < 0)
        r = -errno;
    close(rule.parent_fd);
    return r;
}

int sandbox_landlock(const struct sandbox_plan *plan, const char **what)
{
    int version = sandbox_landlock_version();
    struct ruleset_attr attr;
    int ruleset, r = 0;

    *what = "landlock";
    if (version < 0)
        return version;
    attr = everything(version);
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
                           version >= 6   ? sizeof(attr)
                           : version >= 4 ? 2 * sizeof(uint64_t)
                                          : sizeof(uint64_t),
                           0u);
    if (ruleset < 0)
        return -errno;
    for (unsigned i = 0; i < plan->path_count && r == 0; i++) {
        *what = plan->paths[i].path;
        r = add_path(ruleset, &plan->paths[i], attr.fs);
    }
    if (r == 0) {
        *what = "landlock";
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_landlock_restrict_self, ruleset, 0u) < 0)
            r = -errno;
    }
    fd_close(&ruleset);
    return r;
}
