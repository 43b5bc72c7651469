import { useEffect, useState } from 'react';

/** The time in milliseconds, looked at every few seconds while it matters. */
export function useNow(matters: boolean, every = 5000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!matters) {
      return;
    }
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [matters, every]);
  return now;
}
