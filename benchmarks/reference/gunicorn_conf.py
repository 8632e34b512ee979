"""Settings of gunicorn; BIND and WEB_CONCURRENCY come from the environment."""

import os

bind = os.environ["BIND"]
worker_class = "uvicorn_worker.UvicornWorker"  # uvloop and httptools, as both are installed
keepalive = 75  # behind a proxy, as nginx keeps its own
backlog = 2048
control_socket_disable = True
