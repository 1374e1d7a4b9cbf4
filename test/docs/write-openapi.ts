// `npm run openapi`: writes the committed document, and the types that the client has from it.
import { writeFileSync } from 'node:fs'
import { documentPath, documentText, servedDocument, writeClientTypes } from '#test/openapi'

writeFileSync(documentPath, documentText(await servedDocument()))
writeClientTypes(documentPath)
