"""TensorBoard in a process of its own: it prints its address as its first line and ends when its input does.

    python -m ui.serving.tensorboard_process LOGDIR PREFIX

The server holds the other end of the input, so TensorBoard ends with it, however it ends.
"""

import logging
import sys


def main() -> None:
    """Serve until the input is closed."""
    from tensorboard import default, program

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    logdir, prefix = sys.argv[1:3]
    board = program.TensorBoard(plugins=default.get_plugins())
    board.configure(
        argv=[
            "tensorboard",
            *("--logdir", logdir),
            *("--host", "127.0.0.1"),
            *("--port", "0"),
            *("--path_prefix", prefix),
            *("--load_fast", "false"),  # no further process that could stay behind
            *("--reload_interval", "15"),
        ]
    )
    sys.stdout.write(f"{board.launch()}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
