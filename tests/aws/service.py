"""Starts the real binary and hands out its Kinesis endpoint."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest
import uuid

import boto3
import botocore.config

REGION = "eu-west-1"
SHARD = "shardId-000000000000"
START_SECONDS_MAX = 60

# Any key is taken on loopback; nothing of the user's own configuration is read.
ENVIRONMENT = {
    **os.environ,
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "",
    "NO_PROXY": "127.0.0.1",
}


class Service:
    """`kizashi serve` on free ports."""

    def __init__(self, data: pathlib.Path):
        self.data = data
        self.start()

    def start(self) -> None:
        command = [os.environ["KIZASHI_BIN"], "serve", "--data", str(self.data)]
        command += ["--listen", "127.0.0.1:0", "--kinesis", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        watchdog = threading.Timer(START_SECONDS_MAX, self.process.kill)
        watchdog.start()
        try:
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        ready = re.match(r"ready .*kinesis=(\S+)", line)
        if not ready:
            self.process.kill()
            raise RuntimeError(f"{command} did not get ready: {line!r}")
        self.url = f"http://{ready[1]}"

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()

    def client(self):
        """A boto3 client that does not try again, so that the first refusal is seen."""
        config = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=30)
        return boto3.Session("any", "any", region_name=REGION).client(
            "kinesis", endpoint_url=self.url, config=config
        )


class ServiceTest(unittest.TestCase):
    """Tests that share one service; each makes streams of its own."""

    @classmethod
    def setUpClass(cls):
        cls.data = pathlib.Path(tempfile.mkdtemp(prefix="kizashi-aws-"))
        cls.addClassCleanup(shutil.rmtree, cls.data, ignore_errors=True)
        cls.service = Service(cls.data)
        cls.addClassCleanup(lambda: cls.service.stop())
        cls.kinesis = cls.service.client()

    def stream(self, shards: int = 1) -> str:
        """The name of a new stream."""
        name = f"s-{uuid.uuid4()}"
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        return name

    def iterator(self, stream: str, kind: str = "TRIM_HORIZON", **more) -> str:
        answer = self.kinesis.get_shard_iterator(
            StreamName=stream, ShardId=SHARD, ShardIteratorType=kind, **more
        )
        return answer["ShardIterator"]
