/** What strangers send: generated from a seed, the same for the same seed. */
export class StrangeRequests {
  readonly #authorizations: readonly string[]
  #state: number

  /** @param authorizations headers of people whom the server knows */
  constructor(seed: number, authorizations: readonly string[]) {
    this.#state = seed
    this.#authorizations = authorizations
  }

  /** Bytes of one or several requests, from nearly right to no HTTP at all. */
  next(): Buffer {
    const request = this.#pick([
      () => this.#sensible(),
      () => this.#sensible(),
      () => this.#sensible(),
      () => this.#request(),
      () => this.#framedWrongly(),
      () => this.#request() + this.#request(),
      () => this.#damaged(this.#request()),
      () => this.#damaged(this.#framedWrongly()),
      () => this.#noise(this.#below(400)),
    ])()
    return Buffer.from(request, 'latin1')
  }

  /** mulberry32 */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)] as T
  }

  #noise(length: number): string {
    return Array.from({ length }, () => String.fromCharCode(this.#below(256))).join('')
  }

  /** What a client of ours might send, now and then with something odd in it. */
  #sensible(): string {
    const [course, number, id] = [this.#pick([10, 11]), this.#pick([1, 2]), this.#below(20)]
    const where = { course_id: course, group_id: number }
    const [line, body] = this.#pick<readonly [string, unknown?]>([
      ['PUT /student/course', where],
      ['PUT /student/course', { ...where, reserve: this.#pick(['allow', 'never', 'only', '']) }],
      ['PATCH /student/course', where],
      [`DELETE /student/course?course_id=${course}`],
      ['POST /student/plan', { legs: [{ add: where }, this.#leg()] }],
      ['GET /student/course'],
      ['GET /student/courses?department=1'],
      ['PUT /staff/force-std', { ...where, std_id: id, note: this.#text() }],
      [`DELETE /staff/force-std?std_id=${id}&course_id=${course}&group_id=${number}`],
      ['PATCH /staff/capacity', { ...where, capacity: this.#number() }],
      [`GET /staff/student-courses?std_id=${id}`],
      [`GET /staff/course-students?course_id=${course}&group_id=${number}`],
      [`GET /staff/decisions?student_id=${id}&limit=${this.#number()}`],
      [`GET /staff/students?cursor=${id}&limit=${this.#number()}`],
      [`GET /staff/courses?cursor=${course}.${number}&limit=${this.#number()}`],
      ['POST /login', { user: id, password: this.#text() }],
    ])
    const text = body === undefined ? '' : JSON.stringify(body)
    const lines = [
      `${line} HTTP/1.1`,
      'Host: 127.0.0.1',
      `Authorization: ${this.#pick(this.#authorizations)}`,
    ]
    if (this.#chance(0.3)) lines.push(`Idempotency-Key: ${this.#pick(['a', 'b', 'c'])}`)
    if (this.#chance(0.3)) lines.push('Prefer: return=representation')
    return `${lines.join('\r\n')}\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  }

  /** A request whose framing is right; everything else may be odd. */
  #request(): string {
    const body = this.#chance(0.7) ? this.#body() : ''
    return `${this.#head()}${this.#headers()}Content-Length: ${body.length}\r\n\r\n${body}`
  }

  #framedWrongly(): string {
    const body = this.#body()
    const framing = this.#pick([
      `Content-Length: ${body.length + this.#below(50)}`,
      `Content-Length: ${this.#below(body.length + 1)}`,
      'Content-Length: -1',
      'Content-Length: 99999999999999999999',
      'Content-Length: 0x10',
      `Content-Length: ${body.length}\r\nContent-Length: ${body.length + 1}`,
      `Content-Length: ${body.length}\r\nTransfer-Encoding: chunked`,
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding: xchunked',
      'Expect: 100-continue\r\nContent-Length: 5',
      'Expect: a miracle\r\nContent-Length: 0',
      'Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x',
    ])
    const chunks = this.#pick([
      body,
      `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      `ffffffffffffffff\r\n${body}`,
      `-1\r\n${body}\r\n0\r\n\r\n`,
      `${body.length.toString(16)};${'x'.repeat(this.#below(3000))}\r\n${body}\r\n0\r\nTrailer: y\r\n\r\n`,
    ])
    return `${this.#head()}${this.#headers()}${framing}\r\n\r\n${chunks}`
  }

  #damaged(request: string): string {
    let damaged = request
    for (let times = 1 + this.#below(4); times > 0; times--) {
      const at = this.#below(damaged.length)
      const [before, after] = [damaged.slice(0, at), damaged.slice(at)]
      damaged = this.#pick([
        () => before + this.#pick(['\0', '\r', '\n', '\r\n', '\r\n\r\n', ' ', '\t', ':', '\xff']) + after,
        () => before + this.#noise(1) + after.slice(1),
        () => before + after.slice(this.#below(20)),
        () => before,
        () => before + damaged.slice(0, this.#below(200)) + after,
      ])()
    }
    return damaged
  }

  #head(): string {
    const method = this.#chance(0.95)
      ? this.#pick(['GET', 'PUT', 'PATCH', 'DELETE', 'POST', 'HEAD', 'OPTIONS'])
      : this.#pick(['CONNECT', 'TRACE', 'PROPFIND', 'PRI', 'get', 'QUERY', 'SOURCE', 'M-SEARCH'])
    const version = this.#chance(0.97) ? '1.1' : this.#pick(['1.0', '0.9', '2.0', '1.2', '9'])
    return `${method} ${this.#target()} HTTP/${version}\r\n`
  }

  #target(): string {
    const path = this.#pick([
      '/login',
      '/refresh',
      '/student/course',
      '/student/courses',
      '/student/plan',
      '/staff/force-std',
      '/staff/capacity',
      '/staff/course-students',
      '/staff/student-courses',
      '/staff/decisions',
      '/healthz',
      '/readyz',
      '/metrics',
      '/docs/static/../../package.json',
      '/docs/static/%2e%2e%2fpackage.json',
      '//evil.example/student/course',
      'http://evil.example/student/course',
      '*',
      '/%zz',
      `/${this.#escapedText()}`,
      '/student/course/../../staff/decisions',
      '/STUDENT/course',
      '/student/course;x=1',
    ])
    const names = [
      'std_id',
      'course_id',
      'group_id',
      'student_id',
      'department',
      'limit',
      'from',
      'to',
      'cursor',
      'note',
    ]
    const query = Array.from({ length: this.#below(5) }, () => {
      const name = this.#chance(0.9)
        ? this.#pick(names)
        : this.#pick(['__proto__', 'constructor', '', 'a[b]', '%00'])
      const value = this.#pick([
        () => String(this.#number()),
        () => '2030-09-21T07:00:00Z',
        () => '2030-02-31',
        () => '99999999999.9',
        () => '1.9007199254740993',
        () => this.#escapedText(),
        () => '%ff%fe',
      ])()
      return `${name}=${value}`
    })
    return query.length === 0 ? path : `${path}?${query.join('&')}`
  }

  #headers(): string {
    const lines = ['Host: 127.0.0.1']
    if (this.#chance(0.85)) lines.push(`Authorization: ${this.#pick(this.#authorizations)}`)
    const odd = [
      () => `Idempotency-Key: ${this.#pick(['a', 'b', 'x'.repeat(300), 'é', ''])}`,
      () =>
        `Prefer: ${this.#pick(['return=representation', ';;;,,,', 'return="representation"; x=y', ','.repeat(500)])}`,
      () =>
        `Content-Type: ${this.#pick(['text/plain', 'application/json;', '\tapplication/json', 'multipart/form-data', '/', ''])}`,
      () => `Content-Encoding: ${this.#pick(['gzip', 'br', 'identity'])}`,
      () => `Authorization: Bearer ${this.#noise(30).replace(/[\r\n]/g, '')}`,
      () => `X-Forwarded-For: ${this.#pick(['1.2.3.4', '::1', 'x', ','.repeat(100)])}`,
      () => `Accept: ${'*/*,'.repeat(this.#below(500))}`,
      () => `Range: bytes=0-0,${'1-2,'.repeat(this.#below(200))}`,
      () => `Cookie: ${this.#noise(20).replace(/[\r\n]/g, '')}`,
      () => `X-${'y'.repeat(this.#below(100))}: ${'z'.repeat(this.#below(20_000))}`,
    ]
    for (let more = this.#below(3); more > 0; more--) lines.push(this.#pick(odd)())
    return `${lines.join('\r\n')}\r\n`
  }

  #body(): string {
    return this.#pick([
      () => JSON.stringify(this.#fields()),
      () => JSON.stringify(this.#fields()),
      () =>
        JSON.stringify({
          legs: Array.from({ length: this.#below(25) }, () => this.#leg()),
          dry_run: this.#chance(0.5),
        }),
      () => JSON.stringify({ user: this.#number(), password: this.#text(), staff: this.#chance(0.5) }),
      () => JSON.stringify(this.#value(4)),
      () => this.#damaged(JSON.stringify(this.#fields())),
      () => '['.repeat(this.#below(20_000)),
      () => `{"a":${'9'.repeat(this.#below(2000))}}`,
      () => '{"__proto__":{"staff":true},"course_id":10,"group_id":1}',
      () => '{"course_id":10,"course_id":11,"group_id":1}',
      () => 'x'.repeat(this.#below(40_000)),
      () => `\xef\xbb\xbf${JSON.stringify(this.#fields())}`,
    ])()
  }

  #fields(): object {
    const all = {
      course_id: this.#number(),
      group_id: this.#number(),
      std_id: this.#number(),
      capacity: this.#number(),
      note: this.#text(),
      reserve: this.#pick(['allow', 'never', 'only', 'x']),
      allow_reserve: this.#chance(0.5),
      constructor: { prototype: {} },
    }
    return Object.fromEntries(
      Object.entries(all).filter(([name]) => this.#chance(name.endsWith('_id') ? 0.7 : 0.15)),
    )
  }

  #leg(): unknown {
    const where = { course_id: this.#number(), group_id: this.#number() }
    return this.#pick([
      { add: where },
      { add: { ...where, reserve: 'only' } },
      { move: { ...where, allow_reserve: true } },
      { drop: { course_id: where.course_id } },
      this.#value(2),
    ])
  }

  #number(): number | string | null {
    if (this.#chance(0.7)) return this.#pick([10, 11, 1, 2, 7, this.#below(30)])
    return this.#pick([-1, 0, -0, 0.5, 2_147_483_647, 2_147_483_648, 1e21, 2 ** 60, '10', '1e1', null])
  }

  #text(): string {
    return this.#pick([
      '',
      'x',
      '\0',
      '\r\n{"level":60}',
      '\ud800',
      '😀',
      'é',
      "'; DROP TABLE students; --",
      '../../etc/passwd',
    ])
  }

  #escapedText(): string {
    return encodeURIComponent(this.#text().replace('\ud800', '')) + this.#pick(['', '%ED%A0%80'])
  }

  #value(depth: number): unknown {
    const leaves = [null, true, this.#number(), this.#text()]
    if (depth === 0 || this.#chance(0.4)) return this.#pick(leaves)
    if (this.#chance(0.5)) return Array.from({ length: this.#below(4) }, () => this.#value(depth - 1))
    return { [this.#pick(['legs', 'course_id', 'x', ''])]: this.#value(depth - 1) }
  }
}
