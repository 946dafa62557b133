// What is this finding, and what was done about it?

import { Link, useParams } from '@tanstack/react-router';
import { apiUrl, CliFold, useTitle } from '../ui/parts';
import { FindingFacts } from './findings/FindingFacts';
import '../log.css';

export function FindingPage() {
  const { finding: id } = useParams({ from: '/findings/$finding' });
  useTitle('Finding');
  return (
    <div className="page narrow">
      <header className="page-head">
        <div className="grow">
          <p className="crumb">
            <Link to="/findings" search={{}}>
              Findings
            </Link>
          </p>
          <h1>Finding</h1>
        </div>
      </header>
      <section className="card" aria-label="The finding">
        <FindingFacts id={id} alone />
      </section>
      <CliFold cli={['lycaon log findings']} api={[apiUrl(`/log/findings/${id}`)]} />
    </div>
  );
}
