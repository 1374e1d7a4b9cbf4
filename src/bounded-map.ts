/**
 * Sets an entry of a map that stays sorted by age and sheds the oldest entry rather than grow beyond `maxSize`: a flood
 * of keys costs bounded memory.
 */
export function setNewest<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, maxSize: number): void {
  // Set anew, an entry goes to the end.
  map.delete(key)
  if (map.size >= maxSize) {
    const [oldest] = map.keys()
    if (oldest !== undefined) map.delete(oldest)
  }
  map.set(key, value)
}
