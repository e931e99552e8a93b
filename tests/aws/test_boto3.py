"""boto3, the SDK of Python."""

import datetime
import time
import unittest

from botocore.exceptions import ClientError

from service import REGION, SHARD, ServiceTest


class Boto3(ServiceTest):
    def assertRefused(self, code: str, part: str):
        """The block is refused with an error of this name whose message holds `part`."""
        case = self

        class Refusal:
            def __enter__(self):
                return self

            def __exit__(self, kind, error, _):
                case.assertIsInstance(error, ClientError, f"{code} was expected")
                case.assertEqual(error.response["Error"]["Code"], code)
                case.assertIn(part, error.response["Error"]["Message"])
                case.assertEqual(error.response["ResponseMetadata"]["HTTPStatusCode"], 400)
                case.assertTrue(error.response["ResponseMetadata"]["RequestId"])
                return True

        return Refusal()

    def read(self, iterator: str, **more) -> list:
        return self.kinesis.get_records(ShardIterator=iterator, **more)["Records"]

    def test_a_stream_is_created_described_and_deleted(self):
        name = self.stream(shards=3)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=name)
        description = self.kinesis.describe_stream(StreamName=name)["StreamDescription"]
        arn = f"arn:aws:kinesis:{REGION}:000000000000:stream/{name}"
        self.assertEqual(description["StreamARN"], arn)
        self.assertEqual(len(description["Shards"]), 3)
        ago = datetime.datetime.now(datetime.timezone.utc) - description["StreamCreationTimestamp"]
        self.assertLess(abs(ago), datetime.timedelta(hours=1))
        summary = self.kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
        self.assertEqual(summary["OpenShardCount"], 3)
        with self.assertRefused("ResourceInUseException", "already exists"):
            self.kinesis.create_stream(StreamName=name, ShardCount=1)
        self.kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
        self.kinesis.decrease_stream_retention_period(StreamName=name, RetentionPeriodHours=25)
        summary = self.kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        self.assertEqual(summary["RetentionPeriodHours"], 25)
        self.kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        self.kinesis.get_waiter("stream_not_exists").wait(StreamName=name)
        with self.assertRefused("ResourceNotFoundException", f"Stream {name} under account 000000000000 not found."):
            self.kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k")

    def test_lists_are_paged(self):
        names = {self.stream() for _ in range(3)}
        pages = self.kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 2})
        self.assertLessEqual(names, {name for page in pages for name in page["StreamNames"]})
        many = self.stream(shards=5)
        page = self.kinesis.list_shards(StreamName=many, MaxResults=2)
        counts = [len(page["Shards"])]
        while "NextToken" in page:
            page = self.kinesis.list_shards(NextToken=page["NextToken"], MaxResults=2)
            counts.append(len(page["Shards"]))
        self.assertEqual(counts, [2, 2, 1])
        pages = self.kinesis.get_paginator("describe_stream").paginate(
            StreamName=many, PaginationConfig={"PageSize": 2}
        )
        ids = [shard["ShardId"] for page in pages for shard in page["StreamDescription"]["Shards"]]
        self.assertEqual(ids, [f"shardId-{number:012}" for number in range(5)])

    def test_five_hundred_records_are_put_at_once_and_read_in_order(self):
        name = self.stream(shards=4)
        records = [{"Data": f"{number:03}".encode() * 80, "PartitionKey": f"k{number}"} for number in range(500)]
        answer = self.kinesis.put_records(StreamName=name, Records=records)
        self.assertEqual(answer["FailedRecordCount"], 0)
        placed = {
            (result["ShardId"], result["SequenceNumber"]): record
            for result, record in zip(answer["Records"], records, strict=True)
        }
        self.assertEqual(len(placed), 500)
        found = 0
        for number in range(4):
            shard = f"shardId-{number:012}"
            iterator = self.kinesis.get_shard_iterator(
                StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            before = 0
            while records := self.kinesis.get_records(ShardIterator=iterator, Limit=64):
                iterator = records["NextShardIterator"]
                for record in records["Records"]:
                    put = placed[(shard, record["SequenceNumber"])]
                    self.assertEqual((record["Data"], record["PartitionKey"]), (put["Data"], put["PartitionKey"]))
                    self.assertGreater(int(record["SequenceNumber"]), before)
                    before = int(record["SequenceNumber"])
                    found += 1
                if not records["Records"]:
                    break
        self.assertEqual(found, 500)

    def test_a_put_with_a_record_that_is_too_large_is_refused_as_a_whole(self):
        name = self.stream()
        small = {"Data": b"x", "PartitionKey": "k"}
        large = {"Data": b"x" * (1024 * 1024 + 1), "PartitionKey": "k"}
        with self.assertRefused("ValidationException", "Value at 'records.2.member.data' failed to satisfy constraint"):
            self.kinesis.put_records(StreamName=name, Records=[small, large])
        with self.assertRefused("ValidationException", "Member must have length less than or equal to"):
            self.kinesis.put_record(StreamName=name, Data=b"x" * (11 << 20), PartitionKey="k")
        with self.assertRefused("InvalidArgumentException", "at most"):
            megabyte = {"Data": b"x" * 1_000_000, "PartitionKey": "k"}
            self.kinesis.put_records(StreamName=name, Records=[megabyte] * 6)
        with self.assertRefused("ValidationException", "less than or equal to 500"):
            self.kinesis.put_records(StreamName=name, Records=[small] * 501)
        self.assertEqual(self.read(self.iterator(name)), [])
        self.kinesis.put_record(StreamName=name, **small)
        self.assertEqual(len(self.read(self.iterator(name))), 1)

    def test_each_type_of_iterator_begins_where_it_says(self):
        name = self.stream()
        numbers = []
        for text in (b"a", b"b", b"c"):
            if text == b"c":
                time.sleep(1)  # boto3 sends timestamps in whole seconds
            placed = self.kinesis.put_record(StreamName=name, Data=text, PartitionKey="k")
            numbers.append(placed["SequenceNumber"])
        records = self.read(self.iterator(name, "TRIM_HORIZON"))
        self.assertEqual([record["SequenceNumber"] for record in records], numbers)
        at = self.iterator(name, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1])
        self.assertEqual([record["Data"] for record in self.read(at)], [b"b", b"c"])
        after = self.iterator(name, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1])
        self.assertEqual([record["Data"] for record in self.read(after)], [b"c"])
        arrival = records[2]["ApproximateArrivalTimestamp"]
        by_time = self.iterator(name, "AT_TIMESTAMP", Timestamp=arrival)
        self.assertEqual([record["Data"] for record in self.read(by_time)], [b"c"])
        latest = self.iterator(name, "LATEST")
        self.kinesis.put_record(StreamName=name, Data=b"d", PartitionKey="k")
        self.assertEqual([record["Data"] for record in self.read(latest)], [b"d"])

    def test_iterators_that_are_not_ones_are_refused(self):
        name = self.stream()
        with self.assertRefused("InvalidArgumentException", "Invalid ShardIterator."):
            self.read("AAAAAAAAAAHSywljv0zEgPX4NyKdZ5wryMzP9yALs8NeKbUjp1IxtZs1Sp+KEd9I")
        with self.assertRefused("ResourceNotFoundException", "Shard shardId-000000000007 in stream"):
            self.kinesis.get_shard_iterator(
                StreamName=name, ShardId="shardId-000000000007", ShardIteratorType="LATEST"
            )
        other = self.stream()
        placed = self.kinesis.put_record(StreamName=other, Data=b"x", PartitionKey="k")
        with self.assertRefused("InvalidArgumentException", "StartingSequenceNumber"):
            self.iterator(name, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=placed["SequenceNumber"])

    def test_records_and_iterators_outlive_a_restart(self):
        name = self.stream()
        placed = self.kinesis.put_record(StreamName=name, Data=b"kept", PartitionKey="k")
        iterator = self.iterator(name)
        self.assertEqual(self.service.stop(), 0)
        self.service.start()
        type(self).kinesis = self.service.client()
        records = self.read(iterator)
        self.assertEqual([record["SequenceNumber"] for record in records], [placed["SequenceNumber"]])
        self.assertEqual(records[0]["Data"], b"kept")
        self.assertEqual(self.kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"], SHARD)


if __name__ == "__main__":
    unittest.main()
