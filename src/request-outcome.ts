/** What the log and the metrics call the end of a request whose client hung up before its answer: nginx's code. */
export const clientClosedRequest = 499

/** What they call the route of a request that none was found for. */
export const unknownRoute = 'unknown'
