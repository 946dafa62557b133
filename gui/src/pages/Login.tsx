import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useState } from 'react';
import * as ask from '../api/queries';
import { ApiError } from '../api/request';
import { Logo } from '../ui/Logo';
import { ErrorNote, useTitle } from '../ui/parts';

/** Who are you? */
export function Login() {
  useTitle('Sign in');
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function go(event: React.FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await ask.login({ user: user.trim(), password });
      await ask.queryClient.resetQueries({ queryKey: ['whoami'] });
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  }
  const wrong = error instanceof ApiError && error.status === 401;
  return (
    <main className="gate">
      <form className="gate-card stack" onSubmit={(event) => void go(event)}>
        <Logo className="gate-mark" />
        <div>
          <h1>Sign in to Lycaon</h1>
          <p className="dim">Ask every endpoint one question.</p>
        </div>
        <TextInput
          size="sm"
          label="User"
          autoComplete="username"
          autoFocus
          required
          value={user}
          onChange={(e) => setUser(e.currentTarget.value)}
        />
        <PasswordInput
          size="sm"
          label="Password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
          error={wrong ? 'User or password is wrong' : undefined}
        />
        {error !== null && !wrong && <ErrorNote what="Could not sign in" error={error} />}
        <Button type="submit" size="sm" loading={busy}>
          Sign in
        </Button>
        <p className="dim">The first start of the server prints a user and a password.</p>
      </form>
    </main>
  );
}
