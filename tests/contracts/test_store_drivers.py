"""Several drivers and crashes, over every database that the store can use."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from nas.errors import StudyBusyError
from nas.store import Store, open_store
from nas.study.spec import StudySpec
from nas.study.trial import TrialState
from tests.faulted import interrupted
from tests.store.rows import COMPLETE, EPOCHS, VERSIONS, trial

# --- One driver at a time ------------------------------------------------------------------------


def test_a_second_driver_is_refused_until_the_first_lets_go(
    store: Store, store_url: str, spec: StudySpec
) -> None:
    with open_store(store_url) as second:
        with store.acquire("small") as lease:
            with pytest.raises(StudyBusyError, match=rf"process {os.getpid()} on ") as held:
                second.acquire("small")
            assert held.value.exit_code == 5
            with pytest.raises(StudyBusyError):
                second.insert_trial("small", trial(spec))
            holder = second.studies()[0].holder
            assert holder is not None
            assert holder.endswith(f":{os.getpid()}")
            store.insert_trial("small", trial(spec))
        assert second.studies()[0].holder is None
        with second.acquire("small") as next_lease:
            assert next_lease.epoch > lease.epoch
        store.finish_trial("small", 0, 1, COMPLETE)  # nobody holds it: a lone writer may


def test_a_lease_is_kept_alive_while_its_holder_lives(store: Store, store_url: str) -> None:
    with store.acquire("small", seconds=0.6), open_store(store_url) as second:
        time.sleep(1.5)
        with pytest.raises(StudyBusyError):
            second.acquire("small")


DRIVER = """
import sys
from nas.store import open_store
store = open_store(sys.argv[1])
store.acquire("small", seconds=float(sys.argv[2]))
number = int(sys.argv[3])
print("ready", flush=True)
for line in sys.stdin:
    try:
        store.start_trial("small", 0, number)
        print("written", flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


@pytest.fixture
def start_driver(store_url: str) -> Iterator[object]:
    """Start another process that holds the study and writes to it for each line it gets."""
    started: list[subprocess.Popen[str]] = []

    def start(seconds: float) -> subprocess.Popen[str]:
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, store_url, str(seconds), "1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(driver)
        assert driver.stdout is not None
        assert driver.stdout.readline() == "ready\n"
        return driver

    yield start
    for driver in started:
        driver.kill()
        driver.communicate()


def test_the_study_of_a_killed_driver_is_free_at_once(
    store: Store, spec: StudySpec, start_driver: object
) -> None:
    store.insert_trial("small", trial(spec, state=TrialState.WAITING, attempt=0))
    driver = start_driver(3600)  # type: ignore[operator]
    with pytest.raises(StudyBusyError, match=f"process {driver.pid}"):
        store.acquire("small")
    driver.stdin.write("go\n")
    driver.stdin.flush()
    assert driver.stdout.readline() == "written\n"
    driver.send_signal(signal.SIGKILL)  # not yet reaped: a zombie counts as ended
    deadline = time.monotonic() + 10
    while store.studies()[0].holder and time.monotonic() < deadline:
        time.sleep(0.02)
    with store.acquire("small"):
        assert store.trials("small")[0].state is TrialState.RUNNING  # what it wrote is there


def test_a_driver_that_was_asleep_and_replaced_can_write_no_more(
    store: Store, spec: StudySpec, start_driver: object
) -> None:
    store.insert_trial("small", trial(spec, state=TrialState.WAITING, attempt=0))
    driver = start_driver(1.0)  # type: ignore[operator]
    driver.send_signal(signal.SIGSTOP)
    time.sleep(1.2)
    with store.acquire("small") as lease:
        driver.send_signal(signal.SIGCONT)
        driver.stdin.write("go\n")
        driver.stdin.flush()
        assert driver.stdout.readline() == "StudyBusyError\n"
        assert store.trials("small")[0].state is TrialState.WAITING
        store.start_trial("small", 0, 1)
        assert not lease.lost


def test_of_many_drivers_one_gets_the_study(store: Store, store_url: str) -> None:
    barrier, won, refused = threading.Barrier(6), [], []

    def drive() -> None:
        with open_store(store_url) as mine:
            barrier.wait()
            try:
                won.append(mine.acquire("small"))
            except StudyBusyError:
                refused.append(1)
            barrier.wait()

    threads = [threading.Thread(target=drive) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refused)) == (1, 5)


# --- Many at once, and crashes -------------------------------------------------------------------


def test_readers_see_whole_states_while_it_is_written(
    store: Store, store_url: str, spec: StudySpec
) -> None:
    stop, problems = threading.Event(), []

    def read() -> None:
        with open_store(store_url, read_only=True) as reader:
            while not stop.is_set():
                for seen in reader.trials("small"):
                    complete = seen.state is TrialState.COMPLETE
                    if len(seen.measurements) > 1 or (complete and not seen.measurements):
                        problems.append(seen)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(25):
            store.insert_trial("small", trial(spec, number))
            store.record_measurement("small", number, 1, EPOCHS[0])
            store.finish_trial("small", number, 1, COMPLETE)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert problems == []
    assert len(store.trials("small")) == 25


def test_many_processes_may_open_a_new_database_at_once(store_url: str) -> None:
    code = "import sys; from nas.store import open_store; open_store(sys.argv[1]).close()"
    openers = [subprocess.Popen([sys.executable, "-c", code, store_url]) for _ in range(3)]
    assert [opener.wait() for opener in openers] == [0, 0, 0]
    with open_store(store_url, read_only=True) as store:
        assert store.studies() == []


WRITER = """
import sys
from dataclasses import replace
from nas.store import open_store
from tests.classified import classified
store = open_store(sys.argv[1])
(first,) = store.trials("small")
for number in range(1, 10_000):
    store.insert_trial("small", replace(first, number=number))
    store.record_measurement("small", number, 1, classified(1, 0, 0.5, 1.0, 1.0, 1.0))
    print(number, flush=True)
"""


def test_nothing_committed_is_lost_when_the_writer_is_killed(
    store: Store, store_url: str, spec: StudySpec
) -> None:
    store.insert_trial("small", trial(spec))
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, store_url], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    for _ in range(20):
        writer.stdout.readline()
    writer.kill()
    told = [20, *map(int, writer.communicate()[0].split())][-1]
    with open_store(store_url) as again:
        trials = again.trials("small")
        assert told + 1 <= len(trials) <= told + 2
        assert all(len(seen.measurements) == 1 for seen in trials[1 : told + 1])
        again.finish_trial("small", told, 1, COMPLETE)


def test_any_number_of_trials_takes_the_same_queries(store: Store, spec: StudySpec) -> None:
    statements: list[str] = []

    def keep(*words: object) -> None:
        if "SELECT" in str(words[2]) and "nas_" in str(words[2]):
            statements.append(str(words[2]))

    store.spec("small")
    sa.event.listen(sa.Engine, "before_cursor_execute", keep)
    try:
        assert store.trials("small") == []
        alone, statements[:] = list(statements), []
        for number in range(30):
            store.insert_trial("small", trial(spec, number, measurements=tuple(EPOCHS)))
        statements.clear()
        assert len(store.trials("small")) == 30
        assert statements == alone
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", keep)


def test_a_trial_is_not_read_while_its_writes_apply(store: Store, spec: StudySpec) -> None:
    new, read = trial(spec), list[str]()
    reads = re.compile(r"SELECT nas_(trial|measurement|report)")

    def keep(*words: object) -> None:
        if reads.match(str(words[2])):
            read.append(str(words[2]))

    sa.event.listen(sa.Engine, "before_cursor_execute", keep)
    try:
        store.insert_trial("small", new)
        store.record_count("small", 0, 1, new.cost, "here:1", "CPU")
        store.record_proxies("small", 0, 1, {"naswot": 1.0})
        store.record_measurement("small", 0, 1, EPOCHS[0])
        store.requeue_trial("small", 0, 1, interrupted())
        store.start_trial("small", 0, 2)
        store.record_measurement("small", 0, 2, EPOCHS[0])
        store.finish_trial("small", 0, 2, COMPLETE)
        store.record_report("small", 0, "note", {"text": "slow"})
        assert read == []
        store.record_measurement("small", 0, 2, EPOCHS[0])  # written already
        assert read
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", keep)


def test_searches_at_once_take_the_next_free_name_each(store_url: str, spec: StudySpec) -> None:
    open_store(store_url).close()

    def enter(seed: int) -> str:
        with open_store(store_url) as store:
            return store.create_numbered(replace(spec, seed=seed), VERSIONS).name

    with ThreadPoolExecutor(6) as pool:
        names = list(pool.map(enter, range(6)))
    assert sorted(names) == ["small", *(f"small-{number}" for number in range(2, 7))]
    with open_store(store_url, read_only=True) as store:
        assert [store.spec(name).seed for name in names] == list(range(6))
