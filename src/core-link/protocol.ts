/**
 * What goes over the link between a gateway and an engine. Frames of messages one after another; a message is a
 * byte that says which, and what belongs to it. The common ones are binary, because reading and writing them is
 * the engine's; the rest is JSON.
 *
 *     gateway                                   engine
 *        | hello {protocol, campus, …} -------> |
 *        | <-- welcome -----------------------  |   or `refused {why}`, and the end of the connection
 *        | <------------------- status {…} ----- |   at every change of state; every 100 ms while it moves, else every second
 *        | <-------------- seats, then shown --- |   while it leads: what there is to see, as it is confirmed
 *        | submit, call ---------------------->   |
 *        | <------- progress, decided, answer --- |
 *        | beat ------------------------------>   |   every second
 *
 * Nothing is repeated by either side: a link that breaks leaves what was sent unknown.
 */
export const protocolVersion = 2

/** What a gateway sends. */
export const toEngine = {
  hello: 1,
  /** A student's own command, in binary. */
  studentCommand: 2,
  /** Any other command. */
  command: 3,
  /** A read, or a dry run: a method of `EnrollmentService` and its arguments. */
  call: 4,
  /** Nothing to say, and still here. */
  beat: 5,
} as const

/** What an engine sends. */
export const toGateway = {
  welcome: 1,
  refused: 2,
  status: 3,
  /** How far the term is, before the replies of a frame. */
  progress: 4,
  /** A decision of the usual kind, in binary. */
  decided: 5,
  /** The engine cannot answer now, in binary: under overload there are many of them. */
  unavailable: 6,
  /** Any other outcome of a command, or what a call returned. */
  answer: 7,
  /** A command or a call failed by a bug. */
  failed: 8,
  /** The whole board of seats, at the beginning of a term or of the link. */
  seats: 9,
  /** What a decision has changed on it, in binary or, what is unusual, as JSON. */
  shown: 10,
  shownUnusual: 11,
} as const

/** Longest frame that an engine accepts, without its header; a gateway sends the next one earlier. */
export const framesToEngine = { bytesMax: 1024 * 1024, flushBytes: 256 * 1024 } as const
/** Longest frame that a gateway accepts: a department's catalog or a course's roster goes whole. */
export const frameToGatewayBytesMax = 64 * 1024 * 1024
/** Requests of one gateway that may wait for their answers; it answers `busy` itself beyond, and so does the engine. */
export const pendingMax = 16_384

export interface Hello {
  readonly protocol: number
  readonly campus: string
  /** Codes of refusals, in order: they go as numbers. */
  readonly refusals: readonly string[]
  /** For the log. */
  readonly gateway: string
}

/** What an engine tells of itself before it hangs up. */
export interface Refused {
  readonly why: string
}
