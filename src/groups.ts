/**
 * Lets those who have waited for something go on in groups. What they do next then finds the caches of the processor
 * warm, and shares its round trips: where each of them comes alone between two pieces of heavy work, it costs a multiple.
 * @param size how many make a group
 * @param waiting how many still wait for what these have had: as long as they can fill a group, nobody goes on alone
 * @returns what each of them awaits
 */
export function createGroups(size: number, waiting: () => number): () => Promise<void> {
  let group: (() => void)[] = []
  return () =>
    new Promise((goOn) => {
      group.push(goOn)
      if (group.length < size && waiting() >= size) return
      const complete = group
      group = []
      for (const goOn of complete) goOn()
    })
}
