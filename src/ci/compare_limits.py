# SPDX-License-Identifier: MIT
"""How far a picture may be from its reference: limits.ini beside the references.

    [DEFAULT]            # of every picture; without it: exact
    measure = psnr
    limit = 40

    [triangle.png]
    measure = pixels
    limit = 12
    tolerance = 2
    picture = end-0.png

Measures are

    exact   every pixel is the same. What software renderers draw is, from run to run.
    pixels  how many pixels differ; 'limit' of them may. A pixel counts if one of its channels is
            more than 'tolerance' (0) of 255 off. ImageMagick calls it AE with a fuzz. It sees a
            wrong pixel or edge, which a mean over the picture does not.
    psnr    the peak signal-to-noise ratio in dB, at least 'limit'. For what went through a codec or
            a camera, where every pixel is a little off: 30 is visibly worse, 40 hardly.

The mean absolute error is none of them: it says what the PSNR says, and says it of fewer faults.
'picture' is the name of the run's picture, where it is not the reference's own.
"""
import configparser
import math

from folder import Failure, Missing

FILE = "limits.ini"
MEASURES = ("exact", "pixels", "psnr")
KEYS = {"measure", "limit", "tolerance", "picture"}


class Limit:
    """What is asked of one picture."""

    def __init__(self, measure="exact", limit=0, tolerance=0, picture=None):
        self.measure, self.limit, self.tolerance = measure, limit, tolerance
        self.picture = picture

    def judge(self, difference):
        """The value of the measure, whether it is well, and the sentence about it."""
        if self.measure == "psnr":
            return self._judge_psnr(difference)
        count, one = difference.pixels, difference.pixels == 1
        off = f" by more than {self.tolerance} of 255" if self.tolerance else ""
        may = f"{self.limit} may" if self.limit else "none may"
        words = f"{count} of {difference.total} pixels {'differs' if one else 'differ'}{off}; {may}"
        if count > 0:
            left, top, right, bottom = difference.box
            place = "It lies at {}, {}, and is" if one else "They lie at {}, {} in {} x {}, and are up to"
            words += ". " + place.format(left, top, right - left, bottom - top)
            words += f" {difference.most} of 255 off"
        return count, count <= self.limit, words

    def _judge_psnr(self, difference):
        value = difference.psnr()
        if value is None:
            return None, True, "the pictures are the same; their PSNR is infinite"
        return (round(value, 3), value >= self.limit,
                f"the PSNR is {value:.2f} dB; at least {self.limit:g} dB is asked")


def number(where, section, key, low, high, whole):
    words = section[key]
    try:
        value = int(words) if whole else float(words)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise Failure(f"{where}: [{section.name}] {key} = {words}: it has to be a"
                      f"{' whole' if whole else ''} number from {low} to {high}")
    return value


def read_section(where, section):
    unknown = sorted(set(section) - KEYS)
    if unknown:
        raise Failure(f"{where}: [{section.name}] {unknown[0]}: there is no such key. There are: "
                      + ", ".join(sorted(KEYS)))
    limit = Limit(section.get("measure", "exact"), picture=section.get("picture"))
    if limit.measure not in MEASURES:
        raise Failure(f"{where}: [{section.name}] measure = {limit.measure}: it has to be one of "
                      + ", ".join(MEASURES))
    if limit.measure == "psnr":
        if "limit" not in section:
            raise Failure(f"{where}: [{section.name}] measure = psnr needs a limit in dB")
        limit.limit = number(where, section, "limit", 0, 200, False)
    elif limit.measure == "pixels":
        if "limit" in section:
            limit.limit = number(where, section, "limit", 0, 1 << 31, True)
        if "tolerance" in section:
            limit.tolerance = number(where, section, "tolerance", 0, 254, True)
    return limit


def read_limits(references):
    """What limits.ini in that folder says: a dictionary of Limit by name, and the default."""
    where = references.shown(FILE)
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"))
    try:
        parser.read_string(references.read(FILE, 1 << 20).decode("utf-8"), where)
    except Missing:
        return {}, Limit()
    except (configparser.Error, UnicodeError) as error:
        raise Failure(f"{where} is not understood: {error}") from None
    default = read_section(where, parser["DEFAULT"])
    return {name: read_section(where, parser[name]) for name in parser.sections()}, default
