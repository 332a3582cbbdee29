import { Ajv, type ValidateFunction } from 'ajv'
import { batchMessageSchema, startMessageSchema } from '../../schema/journal-message.ts'
import type { BatchMessage, JournalMessage, MissingRecords, RecordId, StartMessage } from './ports.ts'
import { RecordWriter } from './record-writer.ts'

/** A message that is not as this program knows them, and must not be applied. */
export class ForeignMessage extends Error {
  override readonly name = 'ForeignMessage'
}

/** A message that names another campus. */
export class OtherCampus extends ForeignMessage {}

/** Compiles the journal's schemas. */
export const ajv = new Ajv({
  allErrors: false,
  strict: true,
  allowUnionTypes: true,
  strictRequired: false,
  discriminator: true,
  $data: true,
})

/** A check by one of the journal's schemas, compiled at its first use: each takes a process a tenth of a second. */
export function whenUsed<Fit>(schema: object): () => ValidateFunction<Fit> {
  let check: ValidateFunction<Fit> | undefined
  return () => (check ??= ajv.compile<Fit>(schema))
}
const startCheck = whenUsed<StartMessage>(startMessageSchema)
const batchCheck = whenUsed<BatchMessage>(batchMessageSchema)

const writer = new RecordWriter()

/** A journal message as it goes over the wire. */
export function encodeMessage(message: JournalMessage): Buffer {
  if ('start' in message) return Buffer.from(JSON.stringify(message))
  const { records, ...head } = message
  writer.begin()
  writer.text(`${JSON.stringify(head).slice(0, -1)},"records":[`)
  writer.records(records)
  writer.text(']}')
  return writer.take()
}

/**
 * Reads a message from the journal and checks every field of it.
 * @throws OtherCampus, or else ForeignMessage if it is not JSON, of an unknown version, or not as its schema says
 */
export function decodeMessage(body: Buffer, campus: string): JournalMessage {
  const message = parse(body)
  if (message['version'] !== 1)
    throw new ForeignMessage(`unknown journal message version ${show(message['version'])}`)
  if (message['campus'] !== campus)
    throw new OtherCampus(`message of campus ${show(message['campus'])}, not ${campus}`)
  if ('start' in message) {
    const isStart = startCheck()
    if (isStart(message)) return message
    throw misfit(isStart)
  }
  const isBatch = batchCheck()
  if (isBatch(message)) return message
  throw misfit(isBatch)
}

/**
 * A batcher's notice to the leader: how far the tables are; and, if so, that records are missing. Older leaders read the
 * first half of either.
 */
export function encodeNotice(notice: RecordId | MissingRecords): Buffer {
  if (!('upTo' in notice)) return Buffer.from(`${notice.leader} ${notice.seq}`)
  const { applied, upTo } = notice
  return Buffer.from(`${applied.leader} ${applied.seq} missing ${upTo}`)
}

/** @returns undefined for what is no notice */
export function decodeNotice(body: Buffer): RecordId | MissingRecords | undefined {
  const [, leader, seq, upTo] =
    /^([0-9a-f-]{36}) (\d{1,16})(?: missing (\d{1,16}))?$/.exec(body.toString('utf8')) ?? []
  if (leader === undefined) return undefined
  const applied = { leader, seq: Number(seq) }
  return upTo === undefined ? applied : { applied, upTo: Number(upTo) }
}

function parse(body: Buffer): Record<string, unknown> {
  let message: unknown
  try {
    message = JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new ForeignMessage('message is not JSON', { cause })
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw new ForeignMessage('message is not a JSON object')
  }
  return message as Record<string, unknown>
}

function misfit(validate: ValidateFunction): ForeignMessage {
  const [first] = validate.errors ?? []
  return new ForeignMessage(
    `message does not fit its schema: ${first?.instancePath ?? ''} ${first?.message ?? ''}`,
  )
}

function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? 'none'
}
