/** Sends a signal to a worker and to all that it started; without effect when nobody of them is left. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal); // Windows has no groups
  } catch {
    // They are gone.
  }
}
