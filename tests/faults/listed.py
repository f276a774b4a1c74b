"""Print the tests of the table of faults, for pytest."""

from tests.faults.matrix import ROWS

if __name__ == "__main__":
    print(*dict.fromkeys(f"tests/{row.test}" for row in ROWS), sep="\n")  # noqa: T201
