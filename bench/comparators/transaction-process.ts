import { listen } from './comparator-server.ts'
import { buildTransactionServer } from './transaction-server.ts'

// The process of `transaction-server.ts`: DATABASE_URL, JWT_SECRET and LISTEN_ADDRESS as ours, POOL_SIZE its own.

const { DATABASE_URL: databaseUrl = '', JWT_SECRET: jwtSecret = '', POOL_SIZE: poolSize } = process.env
await listen(await buildTransactionServer({ databaseUrl, jwtSecret, connections: Number(poolSize) }))
