import { expectCaught } from './expect-caught.ts'

expectCaught(({ file }) => file.startsWith('src/journal/'))
