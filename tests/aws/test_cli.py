"""The AWS CLI 1, as it is typed in bash."""

import base64
import json
import subprocess
import unittest

from service import ENVIRONMENT, SHARD, ServiceTest


class CommandLine(ServiceTest):
    def bash(self, line: str) -> str:
        """Runs a line that succeeds. `$U` is the option that names the endpoint."""
        done = self.run_bash(line)
        self.assertEqual(done.returncode, 0, f"{line}\n{done.stderr}")
        return done.stdout

    def run_bash(self, line: str) -> subprocess.CompletedProcess:
        environment = {**ENVIRONMENT, "U": f"--endpoint-url {self.service.url}"}
        return subprocess.run(
            ["bash", "-c", line], env=environment, capture_output=True, text=True, timeout=120
        )

    def test_a_record_is_put_and_read(self):
        self.bash("aws kinesis create-stream --stream-name S --shard-count 1 $U")
        self.bash("aws kinesis wait stream-exists --stream-name S $U")
        put = json.loads(
            self.bash("aws kinesis put-record --stream-name S --data foo --partition-key $RANDOM $U")
        )
        self.assertEqual(put["ShardId"], SHARD)
        number = put["SequenceNumber"]
        self.assertRegex(number, r"^49\d{54}$")
        self.bash("aws kinesis put-record --stream-name S --data bar --partition-key $RANDOM $U")

        iterator = self.bash(
            f"aws kinesis get-shard-iterator --stream-name S --shard-id {SHARD} --shard-iterator-type "
            f"AT_SEQUENCE_NUMBER --starting-sequence-number {number} --query ShardIterator --output text $U"
        ).strip()
        first = json.loads(self.bash(f"aws kinesis get-records --shard-iterator {iterator} --limit 1 $U"))
        self.assertEqual([record["SequenceNumber"] for record in first["Records"]], [number])
        self.assertEqual(base64.b64decode(first["Records"][0]["Data"]), b"foo")
        iterator = first["NextShardIterator"]
        second = json.loads(self.bash(f"aws kinesis get-records --shard-iterator {iterator} --limit 1 $U"))
        self.assertEqual(base64.b64decode(second["Records"][0]["Data"]), b"bar")
        self.assertEqual(second["MillisBehindLatest"], 0)

        described = json.loads(self.bash("aws kinesis describe-stream --stream-name S $U"))
        self.assertEqual(described["StreamDescription"]["StreamStatus"], "ACTIVE")
        self.assertIn("S", json.loads(self.bash("aws kinesis list-streams $U"))["StreamNames"])
        self.bash("aws kinesis delete-stream --stream-name S $U")
        self.bash("aws kinesis wait stream-not-exists --stream-name S $U")
        gone = self.run_bash("aws kinesis describe-stream-summary --stream-name S $U")
        self.assertNotEqual(gone.returncode, 0)
        self.assertIn(
            "An error occurred (ResourceNotFoundException) when calling the DescribeStreamSummary operation: "
            "Stream S under account 000000000000 not found.",
            gone.stderr,
        )


if __name__ == "__main__":
    unittest.main()
