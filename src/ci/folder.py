# SPDX-License-Identifier: MIT
"""The folder of a run, and one of references. A guest may have written there: no link in it is
followed, nothing but plain files is opened, and no more is read than was asked for."""
import contextlib
import os
import stat

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO that somebody put there does not hold the reader up.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Failure(Exception):
    """What a person has to know: the thing, the reason and, where there is one, the way out."""


class Missing(Failure):
    """There is no file of that name."""


class Folder:
    """Names of files in it are relative to it and have plain slashes."""

    def __init__(self, path):
        self.path = os.path.realpath(path)

    def shown(self, name):
        return os.path.join(self.path, name) if name else self.path

    def make(self):
        try:
            os.makedirs(self.path, exist_ok=True)
        except OSError as error:
            raise self._failure("", error) from None

    def _failure(self, name, error):
        reason = getattr(error, "strerror", None) or str(error)
        # O_NOFOLLOW says so of a link in words of its own.
        parts = name.split("/")
        for end in range(1, len(parts) + 1):
            if os.path.islink(self.shown("/".join(parts[:end]))):
                reason = f"{parts[end - 1]} is a symbolic link, which is not followed"
                break
        kind = Missing if isinstance(error, FileNotFoundError) else Failure
        return kind(f"{self.shown(name)}: {reason}")

    @contextlib.contextmanager
    def _inside(self, name, make=False):
        """The descriptor of the folder that 'name' lies in, and the last part of the name."""
        parts = name.split("/") if isinstance(name, str) else [""]
        if "\0" in "".join(parts) or any(part in ("", ".", "..") for part in parts):
            raise Failure(f"{name!r} names no file of {self.path}")
        fd = -1
        try:
            fd = os.open(self.path, FOLDER)
            for part in parts[:-1]:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=fd)
                inner = os.open(part, FOLDER, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield fd, parts[-1]
        except (OSError, UnicodeError) as error:
            raise self._failure(name, error) from None
        finally:
            if fd >= 0:
                os.close(fd)

    @contextlib.contextmanager
    def _plain(self, name):
        """A file, opened to be read, and its size."""
        with self._inside(name) as (folder, last):
            with open(os.open(last, READ, dir_fd=folder), "rb") as file:
                state = os.fstat(file.fileno())
                if not stat.S_ISREG(state.st_mode):
                    raise Failure(f"{self.shown(name)} is no plain file")
                yield file, state.st_size

    def read(self, name, limit):
        """All of a file, which may have 'limit' bytes."""
        with self._plain(name) as (file, _):
            data = file.read(limit + 1)
        if len(data) > limit:
            raise Failure(f"{self.shown(name)} is larger than {limit >> 20} MiB, "
                          "which is the most that is read")
        return data

    def head(self, name, limit):
        """The first 'limit' bytes of a file at most, and how many there are in all."""
        with self._plain(name) as (file, size):
            return file.read(limit), size

    def tail(self, name, limit):
        """The last 'limit' bytes of a file at most, and how many there are in all."""
        with self._plain(name) as (file, size):
            file.seek(max(size - limit, 0))
            return file.read(limit), size

    def names(self, name, ending):
        """The names in a folder of it that end so, sorted; none where there is no such folder."""
        try:
            with self._inside(f"{name}/x") as (folder, _):
                return sorted(n for n in os.listdir(folder) if n.endswith(ending))
        except Missing:
            return []

    def top_names(self, ending):
        """The same of the folder itself, which has to be there."""
        try:
            return sorted(n for n in os.listdir(self.path) if n.endswith(ending))
        except OSError as error:
            raise self._failure("", error) from None

    def write(self, name, data):
        """Puts a file there, whole or not at all; what had its name before is replaced."""
        with self._inside(name, make=True) as (folder, last):
            temporary = f".{last[:200]}.{os.getpid()}"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            try:
                with open(os.open(temporary, WRITE, 0o666, dir_fd=folder), "wb") as file:
                    file.write(data)
                os.rename(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
