"""Counts words with functions of its own, one of them from a file that is shipped beside this one."""

import sys

from pyflink.common import Types
from pyflink.datastream import RuntimeExecutionMode, StreamExecutionEnvironment

import words


def main(lines):
    environment = StreamExecutionEnvironment.get_execution_environment()
    environment.set_runtime_mode(RuntimeExecutionMode.BATCH)
    counted = (
        environment.from_collection(lines, type_info=Types.STRING())
        .flat_map(words.split, output_type=Types.STRING())
        .map(lambda word: (word, 1), output_type=Types.TUPLE([Types.STRING(), Types.INT()]))
        .key_by(lambda pair: pair[0])
        .reduce(lambda one, other: (one[0], one[1] + other[1]))
    )
    counted.map(words.line, output_type=Types.STRING()).print()
    environment.execute("word count")


if __name__ == "__main__":
    main(sys.argv[1:])
