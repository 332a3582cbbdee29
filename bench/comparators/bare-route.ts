import { addBody } from '../../schema/rest.ts'
import { buildComparator, listen, openTokens } from './comparator-server.ts'

// The ceiling: the route that students add a course by, its body checked against the same schema, and always the same
// answer. Nothing is decided or kept. As `bare-route` it knows nobody, as `token-route` it checks whose token it is.

const app = buildComparator()
const isKnown = process.argv[2] === 'token-route'
const tokens = isKnown ? await openTokens(app, process.env['JWT_SECRET'] ?? '') : undefined

app.put('/student/course', { schema: { body: addBody } }, (request, reply) => {
  const isRefused =
    tokens !== undefined && tokens.callerOf(request.headers.authorization, Date.now()) === undefined
  reply.code(isRefused ? 401 : 204).send()
})

await listen(app)
