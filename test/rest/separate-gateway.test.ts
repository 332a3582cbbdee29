import { keepGatewaysApart } from '../../kit/open-gateway.ts'

// Everything that holds for a gateway beside its engine holds for one that is apart from it.
keepGatewaysApart()
for (const suite of ['bodies', 'decisions', 'events', 'idempotency', 'plan', 'refusals', 'rulings']) {
  await import(`./${suite}.test.ts`)
}
