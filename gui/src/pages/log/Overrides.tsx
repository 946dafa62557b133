// What differs for one rule at one tenant: exceptions, severities, disablement.

import type { LogOverrideView } from '../../api/schema';
import { RuleLink, SeverityMark, TenantLink } from '../../ui/logs';
import { Moment } from '../../ui/parts';

export function Overrides({ items, by }: { items: LogOverrideView[]; by: 'rule' | 'tenant' }) {
  if (items.length === 0) return <p className="dim">Nothing.</p>;
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Overrides">
      <table className="glance tokens loose">
        <thead>
          <tr>
            <th>{by === 'rule' ? 'Rule' : 'Tenant'}</th>
            <th>Differs</th>
            <th>Exceptions</th>
            <th>Owner</th>
            <th>Until</th>
            <th>Why</th>
          </tr>
        </thead>
        <tbody>
          {items.map((o, i) => (
            <tr key={i}>
              <td>{by === 'rule' ? <RuleLink name={o.rule} /> : <TenantLink name={o.tenant} />}</td>
              <td>
                {o.disabled ? 'does not run' : ''} {o.severity && <SeverityMark state={o.severity} />}
              </td>
              <td className="mono">
                {o.exceptions.map((e) => (
                  <div key={e}>{e}</div>
                ))}
              </td>
              <td>{o.owner ?? '–'}</td>
              <td>
                <Moment at={o.expires} />
              </td>
              <td>{o.reason ?? ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
