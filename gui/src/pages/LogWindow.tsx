// Was this stretch evaluated, by whom, and why is it as it is?

import { Link, useParams } from '@tanstack/react-router';
import { apiUrl, CliFold, useTitle } from '../ui/parts';
import { WindowFacts } from './log/WindowFacts';
import '../log.css';

export function LogWindowPage() {
  const { window: id } = useParams({ from: '/log/windows/$window' });
  useTitle('Window');
  return (
    <div className="page narrow">
      <header className="page-head">
        <div className="grow">
          <p className="crumb">
            <Link to="/log" search={{}}>
              Log hunts
            </Link>
          </p>
          <h1>Why is this window as it is?</h1>
        </div>
      </header>
      <section className="card" aria-label="Window">
        <WindowFacts id={id} withStream />
      </section>
      <CliFold cli={[`lycaon log explain ${id}`]} api={[apiUrl(`/log/windows/${id}`)]} />
    </div>
  );
}
