/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/sandbox_parts.h"

static int limit(int resource, rlim_t most)
{
    struct rlimit now;

    if (getrlimit(resource, &now) < 0)
        return -errno;
    now.rlim_cur = now.rlim_cur < most ? now.rlim_cur : most;
    now.rlim_max = now.rlim_cur;
    return setrlimit(resource, &now) < 0 ? -errno : 0;
}

/* There is none for the size of files: buffers are files too, and so may be the log. */
int sandbox_limits(const struct sandbox_plan *plan, const char **what)
{
    int r;

    *what = "setrlimit";
    r = limit(RLIMIT_CORE, 0);
    if (r == 0)
        r = limit(RLIMIT_NOFILE, RLIM_INFINITY);
    if (r == 0)
        r = limit(RLIMIT_MSGQUEUE, 0);
    if (r == 0 && plan->role == SANDBOX_DOOR)
        r = limit(RLIMIT_NPROC, 0);
    return r;
}

/* The bounding set needs a capability to be given up; without it, no_new_privs serves as well. */
static void drop_bounding(void)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int sandbox_privileges(const struct sandbox_plan *plan, const char **what)
{
    if (plan->role == SANDBOX_STARTER || plan->role == SANDBOX_STARTER_VENUS)
        sandbox_step_down();
    drop_bounding();
    *what = "prctl(PR_CAP_AMBIENT)";
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -errno;
    *what = "capset";
    if (drop_capabilities() < 0)
        return -errno;
    *what = "prctl(PR_SET_DUMPABLE)";
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
    *what = "prctl(PR_SET_NO_NEW_PRIVS)";
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
