"""What no client of Python sends by itself: CBOR, and requests that are not signed."""

import datetime
import http.client
import json
import unittest
import urllib.parse

import cbor2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from service import REGION, SHARD, ServiceTest

JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor-1.1"


class Wire(ServiceTest):
    def send(self, operation: str, content_type: str, body: bytes, *, sign: bool = True):
        """The status, the headers and the body of the answer."""
        headers = {"Content-Type": content_type, "X-Amz-Target": f"Kinesis_20131202.{operation}"}
        request = AWSRequest("POST", f"{self.service.url}/", headers=headers, data=body)
        if sign:
            SigV4Auth(Credentials("any", "any"), "kinesis", REGION).add_auth(request)
        address = urllib.parse.urlsplit(self.service.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/", body, dict(request.headers))
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def cbor(self, operation: str, members: dict):
        status, headers, body = self.send(operation, CBOR, cbor2.dumps(members))
        self.assertEqual(headers["Content-Type"], CBOR)
        return status, cbor2.loads(body) if body else None

    def test_a_request_that_is_not_signed_is_refused(self):
        status, headers, body = self.send("ListStreams", JSON, b"{}", sign=False)
        self.assertEqual(status, 400)
        self.assertEqual(headers["x-amzn-ErrorType"], "MissingAuthenticationTokenException")
        self.assertTrue(headers["x-amzn-RequestId"])
        self.assertTrue(headers["x-amz-id-2"])
        self.assertEqual(
            json.loads(body),
            {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"},
        )
        status, _, body = self.send("ListStreams", CBOR, cbor2.dumps({}), sign=False)
        self.assertEqual((status, cbor2.loads(body)["__type"]), (400, "MissingAuthenticationTokenException"))

    def test_what_is_no_operation_or_no_document_is_refused(self):
        _, _, body = self.send("MergeShards", JSON, b"{}")
        self.assertEqual(json.loads(body)["__type"], "UnknownOperationException")
        for malformed in (b"", b"{", b"[1]", b'{"StreamName": 7}'):
            status, _, body = self.send("DescribeStream", JSON, malformed)
            self.assertEqual((status, json.loads(body)["__type"]), (400, "SerializationException"), malformed)

    def test_cbor_carries_bytes_and_milliseconds(self):
        name = self.stream()
        data = bytes(range(256))
        status, placed = self.cbor("PutRecord", {"StreamName": name, "Data": data, "PartitionKey": "k"})
        self.assertEqual((status, placed["ShardId"]), (200, SHARD))
        status, answer = self.cbor(
            "PutRecords",
            {"StreamName": name, "Records": [{"Data": b"%d" % number, "PartitionKey": "k"} for number in range(500)]},
        )
        self.assertEqual((status, answer["FailedRecordCount"], len(answer["Records"])), (200, 0, 500))
        an_hour_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        status, iterator = self.cbor(
            "GetShardIterator",
            {
                "StreamName": name,
                "ShardId": SHARD,
                "ShardIteratorType": "AT_TIMESTAMP",
                "Timestamp": cbor2.CBORTag(1, int(an_hour_ago.timestamp() * 1000)),
            },
        )
        self.assertEqual(status, 200, iterator)
        _, read = self.cbor("GetRecords", {"ShardIterator": iterator["ShardIterator"], "Limit": 1})
        record = read["Records"][0]
        self.assertEqual((record["Data"], record["SequenceNumber"]), (data, placed["SequenceNumber"]))
        now_ms = datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000
        self.assertLess(abs(record["ApproximateArrivalTimestamp"] - now_ms), 3_600_000)

    def test_cbor_of_indefinite_length_is_read_as_java_clients_send_it(self):
        name = self.stream()
        body = b"\xbf" + cbor2.dumps("StreamName") + cbor2.dumps(name) + cbor2.dumps("Records") + b"\x9f"
        body += b"\xbf" + cbor2.dumps("Data") + b"\x5f\x41a\x41b\xff" + cbor2.dumps("PartitionKey") + b"\x61k\xff"
        body += b"\xff\xff"
        status, _, answer = self.send("PutRecords", CBOR, body)
        self.assertEqual((status, cbor2.loads(answer)["FailedRecordCount"]), (200, 0))
        read = self.kinesis.get_records(ShardIterator=self.iterator(name))
        self.assertEqual(read["Records"][0]["Data"], b"ab")


if __name__ == "__main__":
    unittest.main()
