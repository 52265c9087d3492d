"""07: how certain are the answers?

- A *judgement* says how much a report can be biased in one domain, or how well it states one item; the *settled* one counts,
  and a person's own beside it wins.
- A *question* is one disease group, route and outcome; its *certainty* is that of GRADE, with each reason for rating down.
- A *control* arm is one whose ``role`` says so; harms are set beside those of the control arm of the same report.

Begin with ``risk_of_bias`` and ``summary_of_findings``. ``direction_of_effect`` and ``harms`` set the reports side by side,
``missing_results`` counts what was never reported, ``printed_statistics`` recomputes what reports print, ``dose_response`` asks
how much one trial can say of a curve, and ``product_reporting`` what is told of the product.
"""
