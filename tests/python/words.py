"""What word_count.py needs: shipped with -pyfs; the suffix comes from an archive that is shipped with -pyarch."""


def split(line):
    yield from line.split(" ")


def line(pair):
    with open("suffix.zip/suffix.txt", encoding="utf-8") as suffix:
        return f"{pair[0]}={pair[1]}{suffix.read().strip()}"
