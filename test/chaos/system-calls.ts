/** What the broker did with one message until it confirmed it. */
export interface MessageCalls {
  readonly seq: number
  /** In order: `received`, `written` (into the write-ahead log), `synced` (that log), `confirmed`. */
  readonly calls: string
}

/**
 * Reads what `strace -f -y -xx` wrote about a broker that was given one message after another, each once the one
 * before was confirmed.
 * @param markOf a text that the message of this number alone has in it
 */
export function orderOfSystemCalls(
  traced: string,
  markOf: (seq: number) => string,
  count: number,
): MessageCalls[] {
  const found: MessageCalls[] = []
  let seq = 1
  let calls: string[] = []
  /** Paths of syncs under way, by thread: their end is told in a line of its own. */
  const syncing = new Map<string, string>()
  for (const line of traced.split('\n')) {
    if (seq > count) break
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const mark = hex(markOf(seq))
    const started = /^f(?:data)?sync\(\d+<([^>]*)>/.exec(call)
    if (started !== null) syncing.set(thread, started[1] ?? '')
    if (/^(?:f(?:data)?sync\(|<\.\.\. f(?:data)?sync resumed>).*= 0$/.test(call)) {
      if (isLog(syncing.get(thread) ?? '') && calls.at(-1) === 'written') calls.push('synced')
    } else if (/^(?:recvfrom|recvmsg|read|<\.\.\. (?:recvfrom|recvmsg|read) resumed>)/.test(call)) {
      if (call.includes(mark) && calls.length === 0) calls.push('received')
    } else if (isLog(/^p?write(?:v|64)?\(\d+<([^>]*)>/.exec(call)?.[1] ?? '')) {
      if (call.includes(mark) && calls.at(-1) === 'received') calls.push('written')
    } else if (/^(?:write|writev|sendto|sendmsg)\(/.test(call) && confirmIn(call)) {
      calls.push('confirmed')
      found.push({ seq, calls: calls.join(', ') })
      seq++
      calls = []
    }
  }
  return found
}

/** RabbitMQ's log of quorum queues, whose sync is what a confirm waits for. -xx writes paths in hexadecimal too. */
function isLog(path: string): boolean {
  return path.endsWith('.wal') || path.endsWith(hex('.wal'))
}

/** Whether an AMQP frame with the method basic.ack goes out. */
function confirmIn(call: string): boolean {
  return /\\x01\\x00\\x..\\x00\\x00\\x00\\x0d\\x00\\x3c\\x00\\x50(?:\\x..){9}\\xce/.test(call)
}

function hex(text: string): string {
  return [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}
