"""A worker without a model, for the tests of the supervisor: answers every connection with its process id.

    python labourer.py CHARACTER LISTENER PIPE

CHARACTER is `willing`; `faulty`, which never gets ready; `fickle`, of which only the first ever does; `shy`, of which
only the first ever says again that it is well; `dazed`, of which all but the first hang before they are ready; `late`,
which gets ready only when it is told to end; `deaf`, which ends at no signal; `patient`, which ends at the second; or
`rude`, which ends at one with status 5.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path


def main(character: str, listener: socket.socket, pipe: int) -> None:
    """Work until a signal."""
    settings = json.loads(sys.stdin.readline())
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    is_first = not any(folder.iterdir())
    (folder / f"gauge_livesum_{os.getpid()}.db").write_text(settings["precision"])  # for a test to see
    with (folder / f"counter_{os.getpid()}.db").open("a") as counted:
        counted.write(".")  # likewise: behind what somebody before it has counted
    if character == "faulty" or (character == "fickle" and not is_first):
        sys.exit(3)
    heard: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if character == "deaf" else lambda number, _: heard.append(number))
    while (character == "late" or (character == "dazed" and not is_first)) and not heard:
        time.sleep(0.02)
    listener.listen()
    threading.Thread(target=answer, args=(listener,), daemon=True).start()
    os.write(pipe, b"bfloat16\n")
    while len(heard) < (2 if character == "patient" else 1):
        time.sleep(0.02)
        if character != "shy" or is_first:
            os.write(pipe, b"bfloat16\n")
    sys.exit(5 if character == "rude" else 0)


def answer(listener: socket.socket) -> None:
    """Tell everybody who connects who is here."""
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(str(os.getpid()).encode())


if __name__ == "__main__":
    main(sys.argv[1], socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]))
