/** The clients of the API, over gRPC-Web to the origin that the page came from. */
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { Alerts } from "../../gen/kizashi/v1/alerts_pb";
import { Incidents } from "../../gen/kizashi/v1/incidents_pb";
import { DeadLetters } from "../../gen/kizashi/v1/records_pb";
import { Series } from "../../gen/kizashi/v1/series_pb";
import { Status } from "../../gen/kizashi/v1/status_pb";

const transport = createGrpcWebTransport({ baseUrl: globalThis.location?.origin ?? "http://localhost" });

export const alertsClient = createClient(Alerts, transport);
export const deadLettersClient = createClient(DeadLetters, transport);
export const incidentsClient = createClient(Incidents, transport);
export const seriesClient = createClient(Series, transport);
export const statusClient = createClient(Status, transport);
