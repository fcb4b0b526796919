import * as $protobuf from "protobufjs/minimal.js";
import Long = require("long");

/** Namespace jobs. */
export namespace jobs {

    /** Namespace v1. */
    namespace v1 {

        /**
         * Properties of a PushRequest.
         * @deprecated Use jobs.v1.PushRequest.$Properties instead.
         */
        interface IPushRequest extends jobs.v1.PushRequest.$Properties {
        }

        /** Represents a PushRequest. */
        class PushRequest {

            /**
             * Constructs a new PushRequest.
             * @param [properties] Properties to set
             */
            constructor(properties?: jobs.v1.PushRequest.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** PushRequest job. */
            job?: (jobs.v1.Job.$Properties|null);

            /**
             * Encodes the specified PushRequest message. Does not implicitly {@link jobs.v1.PushRequest.verify|verify} messages.
             * @param message PushRequest message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: jobs.v1.PushRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a PushRequest message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {jobs.v1.PushRequest & jobs.v1.PushRequest.$Shape} PushRequest
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): jobs.v1.PushRequest & jobs.v1.PushRequest.$Shape;
        }

        namespace PushRequest {

            /** Properties of a PushRequest. */
            interface $Properties {

                /** PushRequest job */
                job?: (jobs.v1.Job.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a PushRequest. */
            type $Shape = jobs.v1.PushRequest.$Properties;
        }

        /**
         * Properties of a PushBatchRequest.
         * @deprecated Use jobs.v1.PushBatchRequest.$Properties instead.
         */
        interface IPushBatchRequest extends jobs.v1.PushBatchRequest.$Properties {
        }

        /** Represents a PushBatchRequest. */
        class PushBatchRequest {

            /**
             * Constructs a new PushBatchRequest.
             * @param [properties] Properties to set
             */
            constructor(properties?: jobs.v1.PushBatchRequest.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** PushBatchRequest jobs. */
            jobs: jobs.v1.Job.$Properties[];

            /**
             * Encodes the specified PushBatchRequest message. Does not implicitly {@link jobs.v1.PushBatchRequest.verify|verify} messages.
             * @param message PushBatchRequest message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: jobs.v1.PushBatchRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a PushBatchRequest message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {jobs.v1.PushBatchRequest & jobs.v1.PushBatchRequest.$Shape} PushBatchRequest
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): jobs.v1.PushBatchRequest & jobs.v1.PushBatchRequest.$Shape;
        }

        namespace PushBatchRequest {

            /** Properties of a PushBatchRequest. */
            interface $Properties {

                /** PushBatchRequest jobs */
                jobs?: (jobs.v1.Job.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a PushBatchRequest. */
            type $Shape = jobs.v1.PushBatchRequest.$Properties;
        }

        /**
         * Properties of a Job.
         * @deprecated Use jobs.v1.Job.$Properties instead.
         */
        interface IJob extends jobs.v1.Job.$Properties {
        }

        /** Represents a Job. */
        class Job {

            /**
             * Constructs a new Job.
             * @param [properties] Properties to set
             */
            constructor(properties?: jobs.v1.Job.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Job job. */
            job: string;

            /** Job id. */
            id: string;

            /** Job payload. */
            payload: Uint8Array;

            /** Job headers. */
            headers: { [k: string]: jobs.v1.HeaderValue.$Properties };

            /** Job options. */
            options?: (jobs.v1.Options.$Properties|null);

            /**
             * Encodes the specified Job message. Does not implicitly {@link jobs.v1.Job.verify|verify} messages.
             * @param message Job message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: jobs.v1.Job.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Job message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {jobs.v1.Job & jobs.v1.Job.$Shape} Job
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): jobs.v1.Job & jobs.v1.Job.$Shape;
        }

        namespace Job {

            /** Properties of a Job. */
            interface $Properties {

                /** Job job */
                job?: (string|null);

                /** Job id */
                id?: (string|null);

                /** Job payload */
                payload?: (Uint8Array|null);

                /** Job headers */
                headers?: ({ [k: string]: jobs.v1.HeaderValue.$Properties }|null);

                /** Job options */
                options?: (jobs.v1.Options.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Job. */
            type $Shape = jobs.v1.Job.$Properties;
        }

        /**
         * Properties of an Options.
         * @deprecated Use jobs.v1.Options.$Properties instead.
         */
        interface IOptions extends jobs.v1.Options.$Properties {
        }

        /** Represents an Options. */
        class Options {

            /**
             * Constructs a new Options.
             * @param [properties] Properties to set
             */
            constructor(properties?: jobs.v1.Options.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Options priority. */
            priority: (number|Long);

            /** Options pipeline. */
            pipeline: string;

            /** Options delay. */
            delay: (number|Long);

            /** Options auto_ack. */
            auto_ack: boolean;

            /** Options topic. */
            topic: string;

            /** Options metadata. */
            metadata: string;

            /** Options offset. */
            offset: (number|Long);

            /** Options partition. */
            partition: number;

            /**
             * Encodes the specified Options message. Does not implicitly {@link jobs.v1.Options.verify|verify} messages.
             * @param message Options message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: jobs.v1.Options.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Options message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {jobs.v1.Options & jobs.v1.Options.$Shape} Options
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): jobs.v1.Options & jobs.v1.Options.$Shape;
        }

        namespace Options {

            /** Properties of an Options. */
            interface $Properties {

                /** Options priority */
                priority?: (number|Long|null);

                /** Options pipeline */
                pipeline?: (string|null);

                /** Options delay */
                delay?: (number|Long|null);

                /** Options auto_ack */
                auto_ack?: (boolean|null);

                /** Options topic */
                topic?: (string|null);

                /** Options metadata */
                metadata?: (string|null);

                /** Options offset */
                offset?: (number|Long|null);

                /** Options partition */
                partition?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Options. */
            type $Shape = jobs.v1.Options.$Properties;
        }

        /**
         * Properties of a HeaderValue.
         * @deprecated Use jobs.v1.HeaderValue.$Properties instead.
         */
        interface IHeaderValue extends jobs.v1.HeaderValue.$Properties {
        }

        /** Represents a HeaderValue. */
        class HeaderValue {

            /**
             * Constructs a new HeaderValue.
             * @param [properties] Properties to set
             */
            constructor(properties?: jobs.v1.HeaderValue.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** HeaderValue value. */
            value: string[];

            /**
             * Encodes the specified HeaderValue message. Does not implicitly {@link jobs.v1.HeaderValue.verify|verify} messages.
             * @param message HeaderValue message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: jobs.v1.HeaderValue.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a HeaderValue message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {jobs.v1.HeaderValue & jobs.v1.HeaderValue.$Shape} HeaderValue
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): jobs.v1.HeaderValue & jobs.v1.HeaderValue.$Shape;
        }

        namespace HeaderValue {

            /** Properties of a HeaderValue. */
            interface $Properties {

                /** HeaderValue value */
                value?: (string[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a HeaderValue. */
            type $Shape = jobs.v1.HeaderValue.$Properties;
        }

        /**
         * Properties of a DeclareRequest.
         * @deprecated Use jobs.v1.DeclareRequest.$Properties instead.
         */
        interface IDeclareRequest extends jobs.v1.DeclareRequest.$Properties {
        }

        /** Represents a DeclareRequest. */
        class DeclareRequest {

            /**
             * Constructs a new DeclareRequest.
             * @param [properties] Properties to set
             */
            constructor(properties?: jobs.v1.DeclareRequest.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** DeclareRequest pipeline. */
            pipeline: { [k: string]: string };

            /**
             * Encodes the specified DeclareRequest message. Does not implicitly {@link jobs.v1.DeclareRequest.verify|verify} messages.
             * @param message DeclareRequest message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: jobs.v1.DeclareRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a DeclareRequest message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {jobs.v1.DeclareRequest & jobs.v1.DeclareRequest.$Shape} DeclareRequest
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): jobs.v1.DeclareRequest & jobs.v1.DeclareRequest.$Shape;
        }

        namespace DeclareRequest {

            /** Properties of a DeclareRequest. */
            interface $Properties {

                /** DeclareRequest pipeline */
                pipeline?: ({ [k: string]: string }|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a DeclareRequest. */
            type $Shape = jobs.v1.DeclareRequest.$Properties;
        }

        /**
         * Properties of a Pipelines.
         * @deprecated Use jobs.v1.Pipelines.$Properties instead.
         */
        interface IPipelines extends jobs.v1.Pipelines.$Properties {
        }

        /** Represents a Pipelines. */
        class Pipelines {

            /**
             * Constructs a new Pipelines.
             * @param [properties] Properties to set
             */
            constructor(properties?: jobs.v1.Pipelines.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Pipelines pipelines. */
            pipelines: string[];

            /**
             * Encodes the specified Pipelines message. Does not implicitly {@link jobs.v1.Pipelines.verify|verify} messages.
             * @param message Pipelines message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: jobs.v1.Pipelines.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Pipelines message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {jobs.v1.Pipelines & jobs.v1.Pipelines.$Shape} Pipelines
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): jobs.v1.Pipelines & jobs.v1.Pipelines.$Shape;
        }

        namespace Pipelines {

            /** Properties of a Pipelines. */
            interface $Properties {

                /** Pipelines pipelines */
                pipelines?: (string[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Pipelines. */
            type $Shape = jobs.v1.Pipelines.$Properties;
        }

        /**
         * Properties of a Stats.
         * @deprecated Use jobs.v1.Stats.$Properties instead.
         */
        interface IStats extends jobs.v1.Stats.$Properties {
        }

        /** Represents a Stats. */
        class Stats {

            /**
             * Constructs a new Stats.
             * @param [properties] Properties to set
             */
            constructor(properties?: jobs.v1.Stats.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Stats stats. */
            stats: jobs.v1.Stat.$Properties[];

            /**
             * Encodes the specified Stats message. Does not implicitly {@link jobs.v1.Stats.verify|verify} messages.
             * @param message Stats message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: jobs.v1.Stats.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Stats message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {jobs.v1.Stats & jobs.v1.Stats.$Shape} Stats
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): jobs.v1.Stats & jobs.v1.Stats.$Shape;
        }

        namespace Stats {

            /** Properties of a Stats. */
            interface $Properties {

                /** Stats stats */
                stats?: (jobs.v1.Stat.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Stats. */
            type $Shape = jobs.v1.Stats.$Properties;
        }

        /**
         * Properties of a Stat.
         * @deprecated Use jobs.v1.Stat.$Properties instead.
         */
        interface IStat extends jobs.v1.Stat.$Properties {
        }

        /** Represents a Stat. */
        class Stat {

            /**
             * Constructs a new Stat.
             * @param [properties] Properties to set
             */
            constructor(properties?: jobs.v1.Stat.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Stat pipeline. */
            pipeline: string;

            /** Stat driver. */
            driver: string;

            /** Stat queue. */
            queue: string;

            /** Stat active. */
            active: (number|Long);

            /** Stat delayed. */
            delayed: (number|Long);

            /** Stat reserved. */
            reserved: (number|Long);

            /** Stat ready. */
            ready: boolean;

            /** Stat priority. */
            priority: (number|Long);

            /**
             * Encodes the specified Stat message. Does not implicitly {@link jobs.v1.Stat.verify|verify} messages.
             * @param message Stat message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: jobs.v1.Stat.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Stat message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {jobs.v1.Stat & jobs.v1.Stat.$Shape} Stat
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): jobs.v1.Stat & jobs.v1.Stat.$Shape;
        }

        namespace Stat {

            /** Properties of a Stat. */
            interface $Properties {

                /** Stat pipeline */
                pipeline?: (string|null);

                /** Stat driver */
                driver?: (string|null);

                /** Stat queue */
                queue?: (string|null);

                /** Stat active */
                active?: (number|Long|null);

                /** Stat delayed */
                delayed?: (number|Long|null);

                /** Stat reserved */
                reserved?: (number|Long|null);

                /** Stat ready */
                ready?: (boolean|null);

                /** Stat priority */
                priority?: (number|Long|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Stat. */
            type $Shape = jobs.v1.Stat.$Properties;
        }

        /**
         * Properties of an Empty.
         * @deprecated Use jobs.v1.Empty.$Properties instead.
         */
        interface IEmpty extends jobs.v1.Empty.$Properties {
        }

        /** Represents an Empty. */
        class Empty {

            /**
             * Constructs a new Empty.
             * @param [properties] Properties to set
             */
            constructor(properties?: jobs.v1.Empty.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /**
             * Encodes the specified Empty message. Does not implicitly {@link jobs.v1.Empty.verify|verify} messages.
             * @param message Empty message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: jobs.v1.Empty.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Empty message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {jobs.v1.Empty & jobs.v1.Empty.$Shape} Empty
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): jobs.v1.Empty & jobs.v1.Empty.$Shape;
        }

        namespace Empty {

            /** Properties of an Empty. */
            interface $Properties {

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Empty. */
            type $Shape = jobs.v1.Empty.$Properties;
        }
    }
}

/** Namespace status. */
export namespace status {

    /** Namespace v1. */
    namespace v1 {

        /**
         * Properties of a Request.
         * @deprecated Use status.v1.Request.$Properties instead.
         */
        interface IRequest extends status.v1.Request.$Properties {
        }

        /** Represents a Request. */
        class Request {

            /**
             * Constructs a new Request.
             * @param [properties] Properties to set
             */
            constructor(properties?: status.v1.Request.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Request plugin. */
            plugin: string;

            /**
             * Encodes the specified Request message. Does not implicitly {@link status.v1.Request.verify|verify} messages.
             * @param message Request message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: status.v1.Request.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Request message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {status.v1.Request & status.v1.Request.$Shape} Request
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): status.v1.Request & status.v1.Request.$Shape;
        }

        namespace Request {

            /** Properties of a Request. */
            interface $Properties {

                /** Request plugin */
                plugin?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Request. */
            type $Shape = status.v1.Request.$Properties;
        }

        /**
         * Properties of a Response.
         * @deprecated Use status.v1.Response.$Properties instead.
         */
        interface IResponse extends status.v1.Response.$Properties {
        }

        /** Represents a Response. */
        class Response {

            /**
             * Constructs a new Response.
             * @param [properties] Properties to set
             */
            constructor(properties?: status.v1.Response.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Response code. */
            code: (number|Long);

            /** Response message. */
            message: string;

            /**
             * Encodes the specified Response message. Does not implicitly {@link status.v1.Response.verify|verify} messages.
             * @param message Response message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: status.v1.Response.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Response message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {status.v1.Response & status.v1.Response.$Shape} Response
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): status.v1.Response & status.v1.Response.$Shape;
        }

        namespace Response {

            /** Properties of a Response. */
            interface $Properties {

                /** Response code */
                code?: (number|Long|null);

                /** Response message */
                message?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Response. */
            type $Shape = status.v1.Response.$Properties;
        }
    }
}
